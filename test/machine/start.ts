import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { root } from './dependencies.mjs';
import { startCodeServer } from './editor/codeServer.ts';
import { findDesktopEditor, openDesktopEditor } from './editor/desktop.ts';
import { findEditor, installEditor } from './editor/install.ts';
import { packExtension } from './extension.ts';
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

await main(new Report());

async function main(report: Report): Promise<void> {
  const desktop = await findDesktopEditor();
  const cache = cacheFolder();
  let vsix = '';
  await report.step('Extension', async (step) => {
    const packed = await packExtension(root, step.line);
    vsix = packed.vsix;
    return `built and packed, ${(packed.bytes / 1e6).toFixed(1)} MB`;
  });
  const sample = await bringSample(root);
  const project = process.argv.slice(2).find((word) => !word.startsWith('-')) ?? sample.folder;
  if (desktop !== undefined) {
    await report.step('Editor', async () => {
      await openDesktopEditor(desktop, { dataFolder: join(cache, 'desktop'), vsix, project });
      return `${desktop}, ${project}`;
    });
    return;
  }
  let editor = await findEditor();
  if (!editor) {
    await report.step('Editor', async (step) => {
      editor = await installEditor(step.line);
      return 'VS Code (npm code-server) installed';
    });
  }
  if (!editor) return;
  const options = { dataFolder: join(cache, 'code-server-data'), vsix, project, settings };
  const server = await startCodeServer(editor, {
    ...options,
    trustEverything: true,
    port: await freePort(usualPort),
  });
  report.say(`\n  Open ${server.url}\n  Ctrl-C ends the editor; containers and machines stay as they are.\n`);
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
