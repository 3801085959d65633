import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { consentOf } from './consent.ts';
import { root } from './dependencies.mjs';
import { startCodeServer, type CodeServer } from './editor/codeServer.ts';
import { findDesktopEditor, openDesktopEditor } from './editor/desktop.ts';
import { findEditor, type Editor } from './editor/install.ts';
import { prepare } from './prepare.ts';
import { Report } from './report.mjs';
import { bringSample } from './sample.ts';

/** The first try, so that a browser's bookmark and its stored state stay good; else any free port. */
const usualPort = 4747;

/** What the editor in the browser looks like the first time. */
const settings = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
};

const report = new Report();
try {
  await start();
} catch (error) {
  if (!report.hasSaid(error)) report.say(`\n  ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function start(): Promise<void> {
  const words = process.argv.slice(2);
  const vsix = await prepare(report, 'start', consentOf(words));
  const project = words.find((word) => !word.startsWith('-')) ?? (await bringSample(root)).folder;
  const desktop = await findDesktopEditor();
  if (desktop !== undefined) {
    await report.step('Open', async () => {
      await openDesktopEditor(desktop, { dataFolder: join(cacheFolder(), 'desktop'), vsix, project });
      return `${project} in ${desktop}`;
    });
    return;
  }
  const editor = await findEditor();
  if (!editor) throw new Error('The editor is gone from its folder again.');
  await serve(editor, vsix, project);
}

/** Runs the editor for the browser until the person or the editor ends it. */
async function serve(editor: Editor, vsix: string, project: string): Promise<void> {
  let server: CodeServer | undefined;
  await report.step('Open', async () => {
    server = await startCodeServer(editor, {
      dataFolder: join(cacheFolder(), 'code-server-data'),
      vsix,
      project,
      settings,
      trustEverything: true,
      port: await freePort(usualPort),
    });
    return project;
  });
  if (!server) return;
  report.say(`\n  ${server.url}\n\n  Ctrl-C ends the editor; containers and machines stay as they are.\n`);
  const signals = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => once(process, signal));
  const why = await Promise.race([server.ended, ...signals]);
  await server.stop();
  if (typeof why === 'string') throw new Error(`The editor ${why} by itself. Its log: ${server.log}`);
}

/** The wanted port, or 0 (the server chooses) where somebody else has it. */
async function freePort(wanted: number): Promise<number> {
  const probe = createServer().listen(wanted, '127.0.0.1');
  try {
    await once(probe, 'listening');
    return wanted;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return 0;
    throw error;
  } finally {
    probe.close();
  }
}
