import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BulkProcess, BulkRequest } from '../../src/connections/connection.ts';
import { pollUntil } from '../../src/base/abort.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { streamedBytes } from '../../src/sync/largeStream.ts';
import { WorkspaceSync } from '../../src/sync/workspaceSync.ts';
import { SshServer, type SshConnectionForTests } from './support/sshServer.ts';
import { TwoFolders } from './support/twoFolders.ts';

const signal = AbortSignal.timeout(120_000);
const data = randomBytes(streamedBytes + 4_000_001);
/** What a shell's start-up file would do: prints, and takes a bit of what was meant for the program. */
const noisyCommand = 'ForceCommand echo welcome; exec sh -c "$SSH_ORIGINAL_COMMAND"';

let server: SshServer;
let noisy: SshServer;
let two: TwoFolders;
let sync: WorkspaceSync;
let connection: SshConnectionForTests;
let streams: number;

beforeAll(async () => {
  [server, noisy] = await Promise.all([SshServer.start(), SshServer.start([noisyCommand])]);
});

afterAll(async () => {
  await Promise.all([server.stop(), noisy.stop()]);
});

afterEach(() => {
  sync.dispose();
  connection.dispose();
  two.dispose();
});

/** @param during what happens as soon as a stream has begun */
async function open(on: SshServer, during: (stream: BulkProcess) => void = () => undefined): Promise<void> {
  two = new TwoFolders();
  sync = new WorkspaceSync(two.options);
  connection = await on.connect({ XDG_STATE_HOME: two.guestState });
  streams = 0;
  const bulk = connection.bulk.bind(connection);
  connection.bulk = async (request: BulkRequest, until: AbortSignal) => {
    const stream = await bulk(request, until);
    streams += 1;
    if (stream) during(stream);
    return stream;
  };
}

async function carry(until: AbortSignal = signal): Promise<void> {
  await sync.carry({ connection, guestFolder: two.guest, guestId: 'g' }, silentProgress, until);
}

describe('a large file over a real sshd', () => {
  it.each(['host', 'guest'] as const)('goes from the %s as one stream', async (from) => {
    await open(server);
    two.write(from, "a folder/it's.bin", data);
    await carry();
    expect(two.raw(from === 'host' ? 'guest' : 'host', "a folder/it's.bin").equals(data)).toBe(true);
    expect(streams).toBe(1);
  });

  it.each(['host', 'guest'] as const)('goes on where it was cancelled, from the %s', async (from) => {
    const cancel = new AbortController();
    await open(server, () => {
      if (streams > 1) return;
      const staged = stagedIn(from === 'host' ? 'guest' : 'host');
      const watcher = fs.watch(staged, () => {
        const [name] = fs.readdirSync(staged).filter((one) => one.startsWith('large-'));
        if (name === undefined || fs.statSync(path.join(staged, name)).size === 0) return;
        watcher.close();
        cancel.abort();
      });
    });
    const much = Buffer.concat([data, data]);
    two.write(from, 'big', much);
    await expect(carry(cancel.signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(two.exists(from === 'host' ? 'guest' : 'host', 'big')).toBe(false);
    await carry();
    expect(two.raw(from === 'host' ? 'guest' : 'host', 'big').equals(much)).toBe(true);
  });

  it.each(['host', 'guest'] as const)(
    'is whole where a shell prints when it starts, from the %s',
    async (from) => {
      await open(noisy);
      two.write(from, 'big', data);
      await carry();
      expect(two.raw(from === 'host' ? 'guest' : 'host', 'big').equals(data)).toBe(true);
      expect(streams).toBe(0);
    },
  );

  it.each(['host', 'guest'] as const)(
    'goes by pieces where the stream is cut off, from the %s',
    async (from) => {
      await open(server, (stream) => stream.dispose());
      two.write(from, 'big', data);
      await carry();
      expect(two.raw(from === 'host' ? 'guest' : 'host', 'big').equals(data)).toBe(true);
    },
  );

  it.each(['host', 'guest'] as const)('keeps its holes, from the %s', async (from) => {
    await open(server);
    two.write(from, 'big', data.subarray(0, 1_000));
    const file = path.join(two[from], 'big');
    const size = 3 * streamedBytes;
    fs.truncateSync(file, size);
    await carry();
    const copy = fs.statSync(path.join(from === 'host' ? two.guest : two.host, 'big'));
    expect(copy.size).toBe(size);
    expect(copy.blocks * 512).toBeLessThan(2_000_000);
  });

  it('that somebody writes meanwhile is not taken as it was', async () => {
    await open(server, () => {
      if (streams === 1) fs.appendFileSync(path.join(two.host, 'big'), 'more');
    });
    two.write('host', 'big', data);
    await carry();
    expect(two.raw('guest', 'big').equals(Buffer.concat([data, Buffer.from('more')]))).toBe(true);
    expect(streams).toBe(2);
  });
});

describe('many files that are much together', () => {
  const many = 400;
  const each = randomBytes(200_000);
  const plant = async (): Promise<void> => {
    for (let n = 0; n < many; n += 1) two.write('host', `folder-${n % 7}/${n}`, each.subarray(n));
    const newest = Date.now();
    // What changed just now goes by the agent, which proves what it sent.
    await pollUntil(() => Promise.resolve(Date.now() - newest > 2_100 ? true : undefined), {
      ...{ everyMs: 50, timeoutMs: 5_000, signal },
    });
  };

  it('go by a login of their own', async () => {
    await open(server);
    await plant();
    await carry();
    expect(two.tree('guest')).toEqual(two.tree('host'));
    expect(streams).toBe(1);
  });

  it('go by the connection where there is none to be had', async () => {
    await open(server, (stream) => stream.dispose());
    await plant();
    await carry();
    expect(two.tree('guest')).toEqual(two.tree('host'));
    expect(streams).toBe(1);
  });
});

/** Where the large file of a side lies while it is on its way. */
function stagedIn(side: 'host' | 'guest'): string {
  if (side === 'host') return path.join(two.state, 'staging');
  const keys = path.join(two.guestState, 'switchyard', 'sync');
  return path.join(keys, fs.readdirSync(keys)[0] ?? '', 'staging');
}
