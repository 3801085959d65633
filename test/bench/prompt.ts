import type { OpenResult } from '../../src/environments/environment.ts';
import { never } from '../engines/support/docker.ts';

const size = { columns: 80, rows: 24 };

/**
 * A terminal with the user's shell, until it shows its prompt.
 * @returns ends the shell
 */
export async function prompt({ shell }: Pick<OpenResult, 'shell'>): Promise<() => Promise<void>> {
  const terminal = await shell(size, never);
  let seen = '';
  await new Promise<void>((resolve, reject) => {
    terminal.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      // Debian's prompts end so, and nothing else is printed before the first one.
      if (/[#$] $/.test(seen)) resolve();
    });
    void terminal.exit.then(() => reject(new Error(`There is no prompt in ${JSON.stringify(seen)}.`)));
  });
  return async () => {
    terminal.stdin.end('exit\n');
    await terminal.exit;
  };
}
