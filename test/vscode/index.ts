import Mocha from 'mocha';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { variables } from './variables.ts';

/**
 * What VS Code's extension host calls, under both runners.
 * @throws Error where a test failed or none ran
 */
export async function run(): Promise<void> {
  const mocha = new Mocha({
    timeout: 60_000,
    reporter: 'json',
    reporterOptions: { output: process.env[variables.report] },
  });
  // The first one measures the activation, which must not find a container being made.
  for (const name of readdirSync(__dirname).sort()) {
    if (name.endsWith('.test.cjs')) mocha.addFile(join(__dirname, name));
  }
  await mocha.loadFilesAsync();
  await new Promise<void>((resolve, reject) => {
    const runner = mocha.run((failures) => {
      const tests = runner.stats?.tests ?? 0;
      if (failures > 0) reject(new Error(`${failures} of ${tests} tests failed.`));
      else if (tests === 0) reject(new Error('No test ran.'));
      else resolve();
    });
  });
}
