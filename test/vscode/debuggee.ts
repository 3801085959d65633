import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';

/** Bound on a program, in milliseconds. */
const programMs = 50_000;

/** Stops at its third line for whoever set a breakpoint there. */
const source = `setInterval(() => {
  const where = __filename;
  globalThis.seen = where;
}, 100);
`;

/** Starts a Node.js in a container that waits for a debugger: this one's own program, which Debian can run. */
export function startDebuggee(container: string, folder: string, inside: string): vscode.Uri {
  const file = join(folder, 'debuggee.js');
  writeFileSync(file, source);
  const docker = (...args: readonly string[]): void => {
    execFileSync('docker', args, { timeout: programMs });
  };
  docker('cp', process.execPath, `${container}:/usr/local/bin/node`);
  docker('exec', '--detach', container, 'node', '--inspect=127.0.0.1:9229', `${inside}/debuggee.js`);
  return vscode.Uri.file(file);
}

/** The file's path, as this window knows it, and the line (from 1) where the program stops; the session then ends. */
export async function stopAtBreakpoint(
  folder: vscode.WorkspaceFolder,
  file: vscode.Uri,
): Promise<{ readonly path: string; readonly line: number }> {
  const breakpoint = new vscode.SourceBreakpoint(new vscode.Location(file, new vscode.Position(2, 0)));
  const stopped = Promise.withResolvers<{ session: vscode.DebugSession; threadId: number }>();
  const tracker = vscode.debug.registerDebugAdapterTrackerFactory('*', {
    createDebugAdapterTracker: (session) => ({
      onDidSendMessage: (message: { event?: string; body?: { threadId: number } }) => {
        if (message.event === 'stopped' && message.body)
          stopped.resolve({ session, threadId: message.body.threadId });
      },
    }),
  });
  vscode.debug.addBreakpoints([breakpoint]);
  try {
    const isStarted = await vscode.debug.startDebugging(folder, {
      type: 'switchyard',
      request: 'attach',
      name: 'Attach inside',
      debugger: 'node',
    });
    if (!isStarted) throw new Error('The debugger did not start.');
    const { session, threadId } = await stopped.promise;
    const { stackFrames } = (await session.customRequest('stackTrace', { threadId, levels: 1 })) as {
      stackFrames: { line: number; source: { path: string } }[];
    };
    const [frame] = stackFrames;
    // In a window in the browser it is the file's address, not its path.
    const shown = frame?.source.path ?? '';
    const { path } = shown.includes('://') ? vscode.Uri.parse(shown) : vscode.Uri.file(shown);
    return { path, line: frame?.line ?? 0 };
  } finally {
    tracker.dispose();
    vscode.debug.removeBreakpoints([breakpoint]);
    await vscode.debug.stopDebugging();
  }
}
