import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Connection } from '../../src/connections/connection.ts';
import { startAgent } from '../../src/sync/guest/startAgent.ts';
import { TwoFolders } from './support/twoFolders.ts';

const signal = AbortSignal.timeout(60_000);

/** The same connection; counts the bytes that come from its programs. */
function counting(inner: Connection): { connection: Connection; bytes: () => number } {
  let bytes = 0;
  const connection = Object.create(inner, {
    exec: {
      value: async (...args: Parameters<Connection['exec']>) => {
        const process = await inner.exec(...args);
        process.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
        return process;
      },
    },
  }) as Connection;
  return { connection, bytes: () => bytes };
}

describe('the Perl agent, which has another program hash', () => {
  const two = new TwoFolders({}, undefined, 'perl');
  const gate = path.join(two.place, 'gate');

  afterEach(() => two.dispose());

  it('gives signs of life while a file takes long', async () => {
    const slow = path.join(two.place, 'bin', 'sha256sum');
    const real = fs.realpathSync(slow);
    execFileSync('mkfifo', [gate]);
    fs.rmSync(slow);
    fs.writeFileSync(slow, `#!/bin/sh\nread -r go < '${gate}'\nexec ${real} "$@"\n`, { mode: 0o755 });
    fs.mkdirSync(two.guest, { recursive: true });
    fs.writeFileSync(path.join(two.guest, 'large'), 'content');

    const { connection, bytes } = counting(two.connection);
    const folder = { path: two.guest, key: 'k', trashBytes: 1e6 };
    const side = await startAgent(connection, folder, silentLogger, signal);
    const before = bytes();
    const hashed = side.hash(['large'], signal);
    const said = (): Promise<true | undefined> => Promise.resolve(bytes() > before || undefined);
    expect(await pollUntil(said, { everyMs: 10, timeoutMs: 10_000, signal })).toBe(true);
    fs.writeFileSync(gate, 'go\n');
    const expected = createHash('sha256').update('content').digest('hex');
    expect(await hashed).toMatchObject([{ hash: expected }]);
    side.dispose();
  });
});
