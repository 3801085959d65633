import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { TarStream, type NewEntry } from '../../src/sync/tarStream.ts';
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
  for (const folder of [host, guest]) fs.mkdirSync(folder);
  for (const name of names) fs.writeFileSync(path.join(host, name), each);
  connection = await server.connect();
  warned = [];
});

afterEach(() => {
  connection.dispose();
  fs.rmSync(place, { recursive: true });
});

const stream = (): TarStream =>
  new TarStream(host, connection, { ...silentLogger, warn: (text) => warned.push(text) });

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
    const sent = await stream().send(entries(), { folder: guest, apart }, count, signal);
    expect({ sent, warned }).toEqual({ sent: true, warned: [] });
    expect(fs.readdirSync(guest).sort()).toEqual(fs.readdirSync(host).sort());
    for (const name of names) expect(fs.readFileSync(path.join(guest, name)).equals(each)).toBe(true);
    // Not only at its end.
    expect(told.length).toBeGreaterThan(4);
    const sum = (what: 'files' | 'bytes'): number => told.reduce((all, one) => all + one[what], 0);
    expect(sum('files')).toBe(names.length);
    expect(sum('bytes')).toBe(names.length * each.length);
  });

  it('says no where the guest cannot take it, and why', async () => {
    const nowhere = path.join(place, 'nowhere');
    expect(await stream().send(entries(), { folder: nowhere, apart }, () => undefined, signal)).toBe(false);
    expect(warned.join()).toMatch(/tar/);
  });

  it('ends when it is cancelled', async () => {
    const cancel = new AbortController();
    const sending = stream().send(entries(), { folder: guest, apart }, () => cancel.abort(), cancel.signal);
    await expect(sending).rejects.toMatchObject({ name: 'AbortError' });
  });
});
