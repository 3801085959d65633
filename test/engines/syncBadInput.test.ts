import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { quote } from '../../src/base/shell.ts';
import type { ExecRequest, RemoteProcess } from '../../src/connections/connection.ts';
import { WorkspaceSync } from '../../src/sync/workspaceSync.ts';
import { LocalConnection } from './support/localConnection.ts';
import { LyingGuest, type Lie } from './support/lyingAgent.ts';
import { TwoFolders } from './support/twoFolders.ts';

const signal = AbortSignal.timeout(250_000);
let two: TwoFolders;
const cleanUp: (() => void)[] = [];

afterEach(() => {
  for (const undo of cleanUp.splice(0).reverse()) undo();
  two.dispose();
});

describe('a guest that lies', () => {
  const hello: Lie = { end: ['1', 'python', 'root', 'boot', '/staging', '0'] };
  const file = (at: string, size = 3): string => `f0 ${size} 1 1 1\0${at}\0\0`;
  const scan = (records: string, count = 1): Lie => ({ part: [records], end: [String(count)] });

  // Everything else that it says is true, so that nothing but the one lie can be what is refused.
  const read: Lie = { part: ['f0 3 1 1 1', 'abc'], end: [] };
  const apply: Lie = { end: ['ok', 'f0 4 1 1 1', ''] };

  it('is believed where it does not lie', async () => {
    two = new TwoFolders({}, new LyingGuest({ hello, scan: scan(file('planted')), read, apply }));
    two.write('host', 'mine', 'mine');
    await two.carry();
    expect(two.read('host', 'planted')).toBe('abc');
  });

  it.each<[string, Partial<Record<'scan' | 'read' | 'hash' | 'hello', Lie>>]>([
    ['offers a path that climbs out', { scan: scan(file('../planted')) }],
    ['offers a path that climbs out in the middle', { scan: scan(file('a/../../planted')) }],
    ['offers an absolute path', { scan: scan(file('/tmp/switchyard-planted')) }],
    ['offers an empty name', { scan: scan(file('a//planted')) }],
    ['breaks a record by a NUL', { scan: scan(file('plan\0ted')) }],
    ['describes no entry', { scan: scan('f0 many 1 1 1\0planted\0\0') }],
    ['counts wrong', { scan: scan(file('planted'), 2) }],
    [
      'sends more than the file has',
      { scan: scan(file('planted')), read: { part: ['f0 3 1 1 1', 'longer'], end: [] } },
    ],
    [
      'sends less than the file has',
      { scan: scan(file('planted')), read: { part: ['f0 3 1 1 1', ''], end: [] } },
    ],
    ['sends a frame that is too large', { scan: { raw: Buffer.alloc(64, 0xff) } }],
    ['speaks another version', { hello: { end: ['2', 'python', 'root', 'boot', '/staging', '0'] } }],
  ])('is refused where it %s', async (_what, lies) => {
    two = new TwoFolders({}, new LyingGuest({ hello, read, apply, ...lies }));
    two.write('host', 'mine', 'mine');
    const around = fs.readdirSync(two.place).sort();
    await expect(two.carry()).rejects.toThrow();
    expect(Object.keys(two.tree('host'))).toEqual(['mine']);
    expect(fs.readdirSync(two.place).sort()).toEqual([...new Set([...around, 'state'])].sort());
    expect(fs.existsSync('/tmp/switchyard-planted')).toBe(false);
  });
});

describe.each(['python3', 'perl', 'sh'])('a shell that prints before %s begins', (interpreter) => {
  class Noisy extends LocalConnection {
    override exec(request: ExecRequest): Promise<RemoteProcess> {
      const noisy = 'echo Welcome; printf "\\001\\377 noise"; echo; exec "$@"';
      return super.exec({ ...request, argv: ['sh', '-c', noisy, 'sh', ...request.argv] });
    }
  }

  it('is passed over', async () => {
    const plain = new TwoFolders({}, undefined, interpreter);
    cleanUp.push(() => plain.dispose());
    const env = { XDG_STATE_HOME: plain.guestState, PATH: path.join(plain.place, 'bin') };
    two = new TwoFolders({}, new Noisy(env), interpreter);
    two.write('host', 'a', 'a');
    await two.carry();
    expect(two.read('guest', 'a')).toBe('a');
  });
});

it.skipIf(process.getuid?.() !== 0).each(['python3', 'perl', 'sh'])(
  'deletes nothing below a folder that the guest’s user may not enter (%s)',
  async (interpreter) => {
    const nobody = 65_534;
    class AsNobody extends LocalConnection {
      override exec(request: ExecRequest): Promise<RemoteProcess> {
        const become = ['/usr/bin/setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'];
        return super.exec({ ...request, argv: [...become, ...request.argv] });
      }
    }
    const plain = new TwoFolders({}, undefined, interpreter);
    cleanUp.push(() => plain.dispose());
    const state = path.join(plain.place, 'nobody-state');
    two = new TwoFolders({}, new AsNobody({ XDG_STATE_HOME: state, PATH: path.join(plain.place, 'bin') }));
    fs.mkdirSync(two.guest, { recursive: true });
    fs.mkdirSync(state);
    for (const folder of [plain.place, two.place]) fs.chmodSync(folder, 0o711);
    for (const folder of [state, path.dirname(two.guest), two.guest]) fs.chownSync(folder, nobody, nobody);
    two.write('host', 'dark/inner/a', 'a');
    two.write('host', 'b', 'b');
    await two.carry();
    expect(two.read('guest', 'dark/inner/a')).toBe('a');
    fs.chmodSync(path.join(two.guest, 'dark'), 0);
    two.remove('guest', 'b');
    const report = await two.carry();
    expect(report.skipped.map(({ path: at }) => at)).toContain('dark');
    expect(two.read('host', 'dark/inner/a')).toBe('a');
    expect(two.exists('host', 'b')).toBe(false);
  },
);

it('does not wait for a file that never stops changing', async () => {
  two = new TwoFolders();
  two.write('host', 'busy', 'x');
  two.write('host', 'calm', 'first');
  const sync = new WorkspaceSync(two.options);
  cleanUp.push(() => sync.dispose());
  const busy = setInterval(() => fs.appendFileSync(path.join(two.host, 'busy'), 'x'), 1);
  cleanUp.push(() => clearInterval(busy));
  await sync.attach(
    { connection: two.connection, guestFolder: two.guest, guestId: 'g' },
    silentProgress,
    signal,
  );
  for (const text of ['second', 'third', 'fourth']) {
    two.write('host', 'calm', text);
    await until(() => two.read('guest', 'calm') === text, `the calm file is ${text}`);
  }
  clearInterval(busy);
  await until(
    () => two.exists('guest', 'busy') && two.read('guest', 'busy') === two.read('host', 'busy'),
    'the busy file came',
  );
});

it('never takes a time of one side for a time of the other', async () => {
  two = new TwoFolders();
  two.write('host', 'a', 'first');
  two.write('host', 'b', 'first');
  await two.carry();
  const day = 86_400;
  const now = Date.now() / 1_000;
  two.write('host', 'a', 'new, and a day old');
  fs.utimesSync(path.join(two.host, 'a'), now - day, now - day);
  two.write('guest', 'b', 'new, and of tomorrow');
  fs.utimesSync(path.join(two.guest, 'b'), now + day, now + day);
  await two.carry();
  expect(two.read('guest', 'a')).toBe('new, and a day old');
  expect(two.read('host', 'b')).toBe('new, and of tomorrow');
});

/** Replaces the guest's Python by one whose clock says something else than its disk's. */
function shiftClock(bySeconds: number): void {
  const program = path.join(two.place, 'bin', 'python3');
  const python = fs.readlinkSync(program);
  fs.unlinkSync(program);
  const shift = [
    'import sys, time',
    'now, now_ns = time.time, time.time_ns',
    `time.time = lambda: now() + ${bySeconds}`,
    `time.time_ns = lambda: now_ns() + ${bySeconds} * 10**9`,
  ].join('\n');
  // As it is called: -IS -c <code> <greeting> <size>.
  const script = `#!/bin/sh\nflags=$1 code=$3\nshift 3\nexec ${python} "$flags" -c ${quote(shift)}"\n$code" "$@"\n`;
  fs.writeFileSync(program, script, { mode: 0o755 });
}

/** By the guest's own clock, in milliseconds, when it last put something into its trash. */
function newestInTrash(): number {
  const keys = path.join(two.guestState, 'switchyard', 'sync');
  const trash = path.join(keys, fs.readdirSync(keys)[0] ?? '', 'trash');
  const times = fs.readdirSync(trash).filter((name) => name.includes('~'));
  return Math.max(...times.map((name) => Number(name.split('-')[0])));
}

it.each([86_400, -86_400])(
  'brings everything across where the guest’s clock is off by %i s, also what only looks unchanged',
  async (bySeconds) => {
    two = new TwoFolders();
    shiftClock(bySeconds);
    for (const at of ['a', 'b', 'c', 'gone']) two.write('host', at, `first ${at}`);
    const sync = new WorkspaceSync(two.options);
    cleanUp.push(() => sync.dispose());
    const request = { connection: two.connection, guestFolder: two.guest, guestId: 'g' };
    await sync.attach(request, silentProgress, signal);
    for (const text of ['2nd', '3rd']) {
      two.write('host', 'a', `${text} a`);
      two.write('guest', 'b', `${text} b`);
      await until(() => two.read('guest', 'a') === `${text} a`, `a is ${text}`);
      await until(() => two.read('host', 'b') === `${text} b`, `b is ${text}`);
    }
    expect(Math.round((newestInTrash() - Date.now()) / 1_000 / 86_400)).toBe(Math.sign(bySeconds));
    two.remove('guest', 'gone');
    // The same size, and the time put back: only what is in it tells.
    const at = path.join(two.guest, 'c');
    const { atime, mtime } = fs.statSync(at);
    two.write('guest', 'c', 'other c');
    fs.utimesSync(at, atime, mtime);
    await until(() => two.read('host', 'c') === 'other c', 'c came');
    await until(() => !two.exists('host', 'gone'), 'the deletion came');
    expect(await sync.flush(signal)).toBe(true);
    expect(sync.health.conflicts).toEqual([]);
    expect(two.tree('host')).toEqual(two.tree('guest'));
  },
);

const mayMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

it.skipIf(!mayMount).each(['python3', 'perl', 'sh'])(
  'says that the guest’s disk is full, leaves nothing half-made, and goes on when there is room (%s)',
  async (interpreter) => {
    two = new TwoFolders({}, undefined, interpreter);
    fs.mkdirSync(two.guest, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'switchyard-test', two.guest]);
    cleanUp.push(() => execFileSync('umount', ['--lazy', two.guest]));
    two.write('host', 'small', 'small');
    two.write('host', 'large', Buffer.alloc(700_000, 'x'));
    const report = await two.carry();
    expect(report.skipped.map(({ path: at }) => at)).toEqual(['large']);
    expect(two.exists('guest', 'large')).toBe(false);
    execFileSync('mount', ['-o', 'remount,size=8m', two.guest]);
    await two.carry();
    expect(two.read('guest', 'large').length).toBe(700_000);
    const staging = path.join(two.guest, '.switchyard-sync', 'staging');
    expect(fs.readdirSync(staging)).toEqual([]);
  },
);

async function until(condition: () => boolean, what: string): Promise<void> {
  const met = await pollUntil(() => Promise.resolve(condition() ? true : undefined), {
    everyMs: 5,
    timeoutMs: 30_000,
    signal,
  });
  if (!met) throw new Error(`Never: ${what}.`);
}
