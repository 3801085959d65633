import type { Connection } from '../../src/connections/connection.ts';
import { never } from '../engines/support/docker.ts';

/** A shell in a terminal, until it shows its prompt. */
export async function prompt(connection: Connection): Promise<void> {
  const shell = await connection.exec(
    { argv: ['/bin/bash', '--norc', '-i'], tty: { columns: 80, rows: 24 }, env: { PS1: 'ready> ' } },
    never,
  );
  let seen = '';
  await new Promise<void>((resolve) => {
    shell.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (seen.includes('ready> ')) resolve();
    });
  });
  shell.stdin.end('exit\n');
  await shell.exit;
}
