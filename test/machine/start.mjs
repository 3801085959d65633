// `npm start`: everything that the main job needs, then the sample project in an editor.
import { bringDependencies, handOver } from './dependencies.mjs';
import { Report } from './report.mjs';

const report = new Report();
report.title('Switchyard: one devcontainer.json, a container and a VM');
try {
  await bringDependencies(report);
} catch {
  // The report has said it.
  process.exit(1);
}
await handOver('start.ts');
