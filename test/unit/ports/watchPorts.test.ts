import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Listener } from '../../../src/ports/listeners.ts';
import { watchPorts } from '../../../src/ports/watchPorts.ts';
import { LocalConnection } from '../../engines/support/localConnection.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A folder with nothing but these programs, to stand for a guest that has no others. */
async function onlyPrograms(...names: string[]): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sy-path-'));
  folders.push(folder);
  for (const name of names) await symlink(`/bin/${name}`, path.join(folder, name));
  return folder;
}

describe.each([
  ['perl', undefined],
  ['nothing but a shell', ['grep', 'sleep']],
])('watchPorts in a guest with %s', (_name, programs) => {
  it('tells who listens at first and at every change, and ends with the signal', async () => {
    const connection = new LocalConnection(programs ? { PATH: await onlyPrograms(...programs) } : {});
    const end = new AbortController();
    let seen: readonly Listener[] | undefined;
    let changed = Promise.withResolvers<undefined>();
    const watching = watchPorts(
      connection,
      (listeners) => {
        seen = listeners;
        changed.resolve(undefined);
        changed = Promise.withResolvers();
      },
      end.signal,
    );
    const until = async (condition: () => boolean): Promise<void> => {
      while (!condition()) await changed.promise;
    };
    await until(() => seen !== undefined);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const found = (): Listener | undefined => seen?.find((listener) => listener.port === port);
    await until(() => found() !== undefined);
    expect(found()).toMatchObject({ hosts: ['127.0.0.1'], uid: process.getuid?.() });
    if (programs) expect(found()?.command).toBeUndefined();
    else expect(found()?.command).toContain('node');
    server.close();
    await until(() => found() === undefined);
    end.abort();
    await watching;
    connection.dispose();
  });
});
