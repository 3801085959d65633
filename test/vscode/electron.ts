// Runs the in-host suite inside a desktop VS Code: the one that VSCODE_EXECUTABLE names, or a downloaded one.
import { runTests } from '@vscode/test-electron';
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder } from '../machine/cache.ts';
import { root } from '../machine/dependencies.mjs';
import { findProgram } from '../machine/programs.ts';
import { activationWindows } from './activations.ts';
import { bundleSuite } from './bundle.ts';
import { tellReport } from './tell.ts';
import { variables } from './variables.ts';
import { makeWorkspace } from './workspace.ts';

const { values } = parseArgs({ options: { report: { type: 'string' } } });
const report = resolve(values.report ?? join(root, 'test/.output/electron.json'));
process.exitCode = await main();

async function main(): Promise<number> {
  if (process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) {
    return underVirtualDisplay();
  }
  await mkdir(dirname(report), { recursive: true });
  const workspace = await makeWorkspace(root);
  const executable = process.env['VSCODE_EXECUTABLE'];
  try {
    const { measure, suite } = await bundleSuite(root);
    const runEntry = (extensionTestsPath: string): Promise<number> =>
      runTests({
        ...(executable
          ? { vscodeExecutablePath: executable }
          : { cachePath: join(cacheFolder(), 'vscode-test') }),
        extensionDevelopmentPath: root,
        extensionTestsPath,
        extensionTestsEnv: {
          ...workspace.env,
          [variables.report]: report,
          [variables.activations]: workspace.activations,
        },
        launchArgs: [
          workspace.project,
          ...['--user-data-dir', workspace.userData, '--extensions-dir', workspace.extensions],
          ...['--disable-workspace-trust', '--skip-welcome', '--disable-gpu'],
          ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        ],
      });
    for (let window = 1; window < activationWindows; window++) await runEntry(measure);
    const code = await runEntry(suite);
    await tellReport(report);
    return code;
  } finally {
    await workspace.remove();
  }
}

async function underVirtualDisplay(): Promise<number> {
  const xvfb = await findProgram('xvfb-run');
  if (xvfb === undefined)
    throw new Error('There is no display. Install one without a screen: apt-get install xvfb');
  const ran = spawnSync(xvfb, ['--auto-servernum', process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
  });
  if (ran.error) throw ran.error;
  return ran.status ?? 1;
}
