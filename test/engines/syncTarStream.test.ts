import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import type { BulkProcess } from '../../src/connections/connection.ts';
import type { SyncConnection } from '../../src/sync/carrier.ts';
import { TarStream, type NewEntry } from '../../src/sync/tarStream.ts';
import { Unpacker } from '../../src/sync/unpacker.ts';
import { SshServer, type SshConnectionForTests } from './support/sshServer.ts';

const signal = AbortSignal.timeout(60_000);
const names = ['one', '-rf', "it's", 'new\nline', 'é', '100%: 7'];
const each = randomBytes(1_500_000);

let server: SshServer;
let connection: SshConnectionForTests;
let place: string;
let host: string;
let guest: string;
let warned: string[];

beforeAll(async () => {
  server = await SshServer.start();
});

afterAll(() => server.stop());

beforeEach(async () => {
  place = fs.mkdtempSync(path.join(tmpdir(), 'switchyard-tar-'));
  [host, guest] = [path.join(place, 'host'), path.join(place, 'guest')];
  fs.mkdirSync(host);
  for (const name of names) fs.writeFileSync(path.join(host, name), each);
  connection = await server.connect();
  warned = [];
});

afterEach(() => {
  connection.dispose();
  fs.rmSync(place, { recursive: true });
});

const stream = (): TarStream =>
  new TarStream(host, new Unpacker(connection), { ...silentLogger, warn: (text) => warned.push(text) });

const entries = (): NewEntry[] =>
  names.map((name) => ({
    path: Buffer.from(name).toString('latin1'),
    source: { print: `f0 ${each.length} 1 1 1`, target: '', racy: false },
  }));

describe.each([
  ['past this process', true],
  ['by the connection', false],
] as const)('a stream of tar %s', (_how, apart) => {
  it('brings all of it, and tells how far it is', async () => {
    const told: { files: number; bytes: number }[] = [];
    const count = (files: number, bytes: number): void => void told.push({ files, bytes });
    const sent = await stream().send(
      entries(),
      { folder: guest, apart },
      count,
      () => ({ files: 6 }),
      signal,
    );
    expect({ sent, warned }).toEqual({ sent: { files: 6 }, warned: [] });
    expect(fs.readdirSync(guest).sort()).toEqual(fs.readdirSync(host).sort());
    for (const name of names) expect(fs.readFileSync(path.join(guest, name)).equals(each)).toBe(true);
    // Not only at its end.
    expect(told.length).toBeGreaterThan(4);
    const sum = (what: 'files' | 'bytes'): number => told.reduce((all, one) => all + one[what], 0);
    expect(sum('files')).toBe(names.length);
    expect(sum('bytes')).toBe(names.length * each.length);
  });

  it('says no where the guest cannot take it, and why', async () => {
    const nowhere = path.join(place, 'nowhere', 'inside');
    const sent = await stream().send(
      entries(),
      { folder: nowhere, apart },
      () => undefined,
      () => ({}),
      signal,
    );
    expect(sent).toBeUndefined();
    expect(warned.join()).toMatch(/tar/);
  });

  it('ends when it is cancelled', async () => {
    const cancel = new AbortController();
    const sending = stream().send(
      entries(),
      { folder: guest, apart },
      () => cancel.abort(),
      () => ({}),
      cancel.signal,
    );
    await expect(sending).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a login that is begun ahead', () => {
  let begun: BulkProcess[];
  let counting: SyncConnection;

  beforeEach(() => {
    begun = [];
    counting = {
      ...{ description: connection.description, user: connection.user, isClosed: false },
      onDidClose: connection.onDidClose,
      exec: (request, given) => connection.exec(request, given),
      bulk: async (request, given) => {
        const found = await connection.bulk(request, given);
        if (found) begun.push(found);
        return found;
      },
    };
  });

  const ahead = async (): Promise<{ unpacker: Unpacker; tar: TarStream }> => {
    const unpacker = new Unpacker(counting);
    unpacker.beginAhead(signal);
    await vi.waitUntil(() => begun.length > 0);
    return { unpacker, tar: new TarStream(host, unpacker, silentLogger) };
  };

  it('is the one that the stream goes by, and only that stream', async () => {
    const { unpacker, tar } = await ahead();
    expect(unpacker.isAhead).toBe(true);
    for (const folder of [guest, `${guest}-2`]) {
      const to = { folder, apart: true };
      expect(
        await tar.send(
          entries(),
          to,
          () => undefined,
          () => ({}),
          signal,
        ),
      ).toBeDefined();
      expect(fs.readdirSync(folder).sort()).toEqual(fs.readdirSync(host).sort());
      expect(unpacker.isAhead).toBe(false);
    }
    expect(begun).toHaveLength(2);
  });

  it('ends where it is not needed, and no other is begun', async () => {
    const { unpacker } = await ahead();
    unpacker.endAhead();
    unpacker.beginAhead(signal);
    expect((await begun[0]?.exit)?.code).toBeUndefined();
    expect(begun).toHaveLength(1);
  });

  it('ends with the stream that took it, when that is cancelled', async () => {
    const { tar } = await ahead();
    const cancel = new AbortController();
    const to = { folder: guest, apart: true };
    const sending = tar.send(
      entries(),
      to,
      () => cancel.abort(),
      () => ({}),
      cancel.signal,
    );
    await expect(sending).rejects.toMatchObject({ name: 'AbortError' });
    expect((await begun[0]?.exit)?.code).toBeUndefined();
  });
});
