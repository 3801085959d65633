import { browserEditorJourney } from './journey.ts';

browserEditorJourney('Container');
