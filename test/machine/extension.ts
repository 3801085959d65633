import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

/** Builds the extension and packs it as a person would install it. Answers the file and its size. */
export async function packExtension(
  root: string,
  onLine?: (line: string) => void,
): Promise<{ readonly vsix: string; readonly bytes: number }> {
  await run('npm', ['run', '--silent', 'package'], {
    cwd: root,
    timeoutMs: 180_000,
    ...(onLine ? { onLine } : {}),
  });
  const vsix = join(root, 'switchyard.vsix');
  return { vsix, bytes: (await stat(vsix)).size };
}
