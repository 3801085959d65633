// Runs the in-host suite inside VS Code's own server, with its workbench in Chromium.
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import { root } from '../machine/dependencies.mjs';
import { launchBrowser } from '../machine/editor/browser.ts';
import { endGroup, waitForLine } from '../machine/editor/child.ts';
import { findEditor, type Editor } from '../machine/editor/install.ts';
import { activationWindows } from './activations.ts';
import { bundleSuite } from './bundle.ts';
import { tellReport } from './tell.ts';
import { variables } from './variables.ts';
import { makeWorkspace, type Workspace } from './workspace.ts';

/** Bounds in milliseconds: until the server listens, and on the whole suite in it. */
const listenMs = 60_000;
const suiteMs = 480_000;

const { values } = parseArgs({ options: { report: { type: 'string' } } });
const report = resolve(values.report ?? join(root, 'test/.output/in-host.json'));
const serverLog = join(root, 'test/.output/in-host-server.log');
const windowLog = join(root, 'test/.output/in-host-window.log');
process.exitCode = await main();

async function main(): Promise<number> {
  const editor = await findEditor();
  if (!editor) throw new Error('No editor is installed in the cache. `npm start` and `npm test` install it.');
  await mkdir(dirname(report), { recursive: true });
  // Every window adds to them.
  for (const log of [serverLog, windowLog]) await rm(log, { force: true });
  const { measure, suite } = await bundleSuite(root);
  const workspace = await makeWorkspace(root);
  try {
    for (let window = 1; window < activationWindows; window++) {
      const code = await runInServer(editor, workspace, measure);
      if (code !== 0) throw new Error(`Window ${window} did not measure how long it took to activate.`);
    }
    const code = await runInServer(editor, workspace, suite);
    await tellReport(report);
    return code;
  } finally {
    await workspace.remove();
  }
}

/** Runs an entry in a window of a server of its own, so that no window before it is still at work beside it. */
async function runInServer(editor: Editor, workspace: Workspace, entry: string): Promise<number> {
  const server = startServer(editor, workspace);
  let browser: Browser | undefined;
  try {
    const origin = `127.0.0.1:${await waitForLine(server, /agent listening on (\d+)/, listenMs)}`;
    browser = await launchBrowser();
    return await runIn(browser, origin, workspace.project, entry);
  } finally {
    await browser?.close();
    await endGroup(server);
  }
}

function startServer(editor: Editor, workspace: Workspace): ChildProcess {
  const server = spawn(
    editor.node,
    [
      editor.vscodeServer,
      ...['--accept-server-license-terms', '--host', '127.0.0.1', '--port', '0'],
      ...['--without-connection-token', '--disable-workspace-trust', '--enable-smoke-test-driver'],
      ...['--telemetry-level', 'off'],
      ...['--user-data-dir', workspace.userData, '--server-data-dir', workspace.userData],
      ...['--extensions-dir', workspace.extensions],
    ],
    {
      env: {
        ...process.env,
        ...workspace.env,
        TMPDIR: workspace.temporary,
        [variables.report]: report,
        [variables.activations]: workspace.activations,
      },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const log = createWriteStream(serverLog, { flags: 'a' });
  server.stdout.pipe(log, { end: false });
  server.stderr.pipe(log, { end: false });
  return server;
}

/**
 * Opens the workbench and waits until the suite in its extension host has ended.
 * @returns what the suite came to: 0 or not
 */
async function runIn(browser: Browser, origin: string, project: string, entry: string): Promise<number> {
  const page = await browser.newPage();
  // Asked for by a window of nobody's, which nobody would allow it.
  await page
    .context()
    .grantPermissions(['clipboard-read', 'clipboard-write'], { origin: `http://${origin}` });
  const ended = Promise.withResolvers<number>();
  const windowLines = createWriteStream(windowLog, { flags: 'a' });
  // Both names are what the workbench calls where its smoke-test driver is on.
  await page.exposeFunction('codeAutomationLog', (type: string, args: readonly unknown[]) => {
    const text = args.map((arg) => (typeof arg === 'string' ? arg : JSON.stringify(arg))).join(' ');
    windowLines.write(`${type}: ${text}\n`);
    // The whole window's log comes this way; what a test says begins so.
    if (text.startsWith('[test] ')) console.log(`  ${text.slice('[test] '.length)}`);
  });
  await page.exposeFunction('codeAutomationExit', (code: number) => ended.resolve(code));
  page.on('crash', () => ended.reject(new Error('The page crashed.')));
  const remote = (path: string): string => `vscode-remote://${origin}${path}`;
  const payload = [
    ['extensionDevelopmentPath', remote(root.replace(/\/$/, ''))],
    ['extensionTestsPath', remote(entry)],
    ['enableProposedApi', ''],
  ];
  const query = new URLSearchParams({ folder: project, payload: JSON.stringify(payload) });
  const timer = setTimeout(() => {
    ended.reject(new Error(`The suite did not end within ${suiteMs / 60_000} min.`));
  }, suiteMs);
  try {
    await page.goto(`http://${origin}/?${query.toString()}`);
    return await ended.promise;
  } finally {
    clearTimeout(timer);
    windowLines.end();
  }
}
