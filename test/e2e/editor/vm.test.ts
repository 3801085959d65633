import { browserEditorJourney } from './journey.ts';

browserEditorJourney('VM');
