import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How long a program may take to end by itself, in milliseconds. */
const graceMs = 5_000;

/** Ends a program that was started as a group of its own, and everything it started in that group. */
export async function endGroup(child: ChildProcess): Promise<void> {
  const ended =
    child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve();
  signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
  // What outlived its parent: a terminal's shell ignores SIGTERM.
  signalGroup(child, 'SIGKILL');
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Waits for the first line on standard output that holds the pattern, and answers its first group.
 * @throws Error where the program ends before it says so, or does not say it within `boundMs`
 */
export async function waitForLine(child: ChildProcess, pattern: RegExp, boundMs: number): Promise<string> {
  const { stdout } = child;
  if (!stdout) throw new Error('The program was started without its output.');
  const said = Promise.withResolvers<string>();
  const onExit = (code: number | null, signal: string | null): void => {
    said.reject(new Error(`It ended with ${code ?? signal ?? 'an error'} before it was ready.`));
  };
  const lines = createInterface({ input: stdout }).on('line', (line) => {
    const found = pattern.exec(line)?.[1];
    if (found !== undefined) said.resolve(found);
  });
  child.once('exit', onExit).once('error', said.reject);
  const timer = setTimeout(() => {
    said.reject(new Error(`It was not ready within ${boundMs / 1000} s.`));
  }, boundMs);
  try {
    return await said.promise;
  } finally {
    clearTimeout(timer);
    child.off('exit', onExit).off('error', said.reject);
    lines.close();
    // Closing the reader pauses the stream; whoever logs it still wants it.
    stdout.resume();
  }
}
