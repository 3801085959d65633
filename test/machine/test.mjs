// `npm test`: everything that the tests need, then all of them.
import { bringDependencies, handOver } from './dependencies.mjs';
import { Report } from './report.mjs';

const report = new Report();
report.title('Switchyard: all tests');
try {
  await bringDependencies(report);
} catch {
  // The report has said why; nothing can run without them.
  report.say('\n0 passed, 1 failed');
  process.exit(1);
}
await handOver('test.ts');
