import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { silentProgress, type Progress } from '../../src/base/progress.ts';
import { ApartSync } from '../../src/sync/apart/apartSync.ts';
import { CollectedLog } from './support/collectedLog.ts';
import { SshServer, type SshConnectionForTests } from './support/sshServer.ts';
import { TwoFolders } from './support/twoFolders.ts';

let server: SshServer;
let two: TwoFolders;
let sync: ApartSync;
let connection: SshConnectionForTests;
let log: CollectedLog;
let unsaved: string[];

const signal = AbortSignal.timeout(280_000);

beforeAll(async () => {
  server = await SshServer.start();
});

afterAll(() => server.stop());

beforeEach(async () => {
  two = new TwoFolders();
  log = new CollectedLog();
  unsaved = [];
  two.write('host', 'a.txt', 'a');
  two.write('host', 'src/b.txt', 'b');
  sync = new ApartSync({ ...two.options, log, unsavedFiles: () => Promise.resolve(unsaved) });
  connection = await connect();
});

afterEach(async () => {
  const { pid } = sync;
  sync.dispose();
  connection.dispose();
  if (pid !== undefined) await until(() => !isAlive(pid), 'the process has ended');
  two.dispose();
});

function connect(): Promise<SshConnectionForTests> {
  return server.connect({ XDG_STATE_HOME: two.guestState });
}

function attach(progress: Progress = silentProgress, within = signal): ReturnType<ApartSync['attach']> {
  return sync.attach({ connection, guestFolder: two.guest, guestId: 'g' }, progress, within);
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const met = await pollUntil(() => Promise.resolve(condition() ? true : undefined), {
    ...{ everyMs: 5, timeoutMs: 20_000, signal },
  });
  if (met === undefined) throw new Error(`Never: ${what}. ${JSON.stringify(sync.health)} ${log.text}`);
}

function contents(side: 'host' | 'guest', at: string): string | undefined {
  return two.exists(side, at) ? two.read(side, at) : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The programs of the guest of this test: the variables of its connection say where its state lies. */
function inGuest(): string[] {
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(two.guestState);
    } catch {
      // It ended meanwhile.
      return false;
    }
  });
}

/** Folders that a process made for `ssh`. */
function toldSsh(pid: number): string[] {
  const folders = fs.readdirSync(tmpdir()).filter((name) => name.startsWith('switchyard-ssh-'));
  return folders
    .map((name) => path.join(tmpdir(), name))
    .filter((folder) => fs.readFileSync(path.join(folder, 'owner'), 'utf8').includes(`,${pid},`));
}

function processOf(): number {
  if (sync.pid === undefined) throw new Error('There is no process.');
  return sync.pid;
}

describe('a sync in a process of its own', () => {
  it('does what the sync does: the first time, and then change by change, either way', async () => {
    const steps: string[] = [];
    const report = await attach({ step: (step) => steps.push(step), line: () => undefined });
    expect(report.toGuest).toBeGreaterThanOrEqual(3);
    expect(steps).toEqual(['Bringing the workspace across']);
    expect(contents('guest', 'src/b.txt')).toBe('b');
    two.write('host', 'a.txt', 'from the host');
    await until(() => contents('guest', 'a.txt') === 'from the host', 'the guest has it');
    two.write('guest', 'src/b.txt', 'from the guest');
    await until(() => contents('host', 'src/b.txt') === 'from the guest', 'the host has it');
    await until(() => sync.health.state === 'inSync', 'in sync');
    expect(sync.health.inSyncSince).toBeInstanceOf(Date);
    await sync.detach(signal);
    expect(sync.health.state).toBe('detached');
  });

  it('sends much by the ssh of the system, which it starts itself', async () => {
    for (let n = 0; n < 1_200; n += 1) two.write('host', `many/${n}`, 'x'.repeat(30_000));
    two.write('host', 'large', Buffer.alloc(20 * 1024 * 1024, 7));
    await attach();
    expect(two.raw('guest', 'large').equals(two.raw('host', 'large'))).toBe(true);
    expect(fs.readdirSync(path.join(two.guest, 'many'))).toHaveLength(1_200);
    expect(log.text).not.toContain('no stream of tar');
  });

  it('writes nothing under unsaved changes of an editor, until those are saved', async () => {
    await attach();
    unsaved = [path.join(two.host, 'a.txt')];
    two.write('guest', 'a.txt', 'from the guest');
    two.write('guest', 'later.txt', 'later');
    await until(() => contents('host', 'later.txt') === 'later', 'what came after it is there');
    expect(contents('host', 'a.txt')).toBe('a');
    unsaved = [];
    sync.rescan();
    await until(() => contents('host', 'a.txt') === 'from the guest', 'the host has it');
  });

  it('tells of a conflict, and resolves it', async () => {
    await attach();
    sync.pause();
    await until(() => sync.health.state === 'paused', 'paused');
    two.write('host', 'a.txt', 'host');
    two.write('guest', 'a.txt', 'guest');
    sync.resume();
    await until(() => sync.health.conflicts.length === 1, 'a conflict');
    const [conflict] = sync.health.conflicts;
    const copy = conflict?.copy ?? '';
    expect(Buffer.from((await sync.versions(copy, signal)).host ?? []).toString()).toBe('guest');
    await sync.resolveConflict(copy, 'guest', signal);
    await until(() => contents('guest', 'a.txt') === 'guest', 'the guest has what was kept');
    expect(contents('host', 'a.txt')).toBe('guest');
  });

  it('asks before it deletes on one side what is all gone on the other, and throws what a person can read', async () => {
    await attach();
    await sync.detach(signal);
    for (const name of fs.readdirSync(two.guest)) {
      fs.rmSync(path.join(two.guest, name), { recursive: true });
    }
    await expect(attach()).rejects.toMatchObject({
      name: 'SwitchyardError',
      code: 'sync.halted',
      why: 'The workspace folder in the environment is empty, and it was not before.',
    });
    expect(sync.health.halt).toEqual({ saw: 'emptied', side: 'guest' });
    sync.answerHalt('restore');
    await until(() => contents('guest', 'a.txt') === 'a', 'restored');
  });

  it('ends what it does when it is cancelled, and goes on from there the next time', async () => {
    for (let n = 0; n < 3_000; n += 1) two.write('host', `many/${n}`, 'x'.repeat(20_000));
    const aborter = new AbortController();
    const cancelled = attach({ step: () => undefined, line: () => aborter.abort() }, aborter.signal);
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    await attach();
    expect(fs.readdirSync(path.join(two.guest, 'many'))).toHaveLength(3_000);
  });

  it('lets go at once where nobody waits for what is left', async () => {
    await attach();
    await sync.detach(AbortSignal.abort());
    expect(sync.health.state).toBe('detached');
    await until(() => inGuest().length === 0, 'nothing runs in the guest');
  });

  it('has another process take over from one that is gone, which leaves nothing in the guest', async () => {
    await attach();
    const pid = processOf();
    expect(inGuest()).not.toEqual([]);
    let took = 0;
    sync.onDidChangeHealth(({ state }) => (took += state === 'failed' ? 1 : 0));
    process.kill(pid, 'SIGKILL');
    await until(() => took > 0 && sync.health.state === 'inSync', 'in sync again');
    expect(log.text).toContain('SIGKILL');
    expect(processOf()).not.toBe(pid);
    two.write('host', 'a.txt', 'afterwards');
    await until(() => contents('guest', 'a.txt') === 'afterwards', 'the guest has it');
  });

  it('takes away what one that is gone told ssh, and leaves what others told', async () => {
    const large = Buffer.alloc(20 * 1024 * 1024, 7);
    two.write('host', 'large', large);
    await attach();
    const pid = processOf();
    const [killed] = toldSsh(pid);
    expect(killed).toBeDefined();
    process.kill(pid, 'SIGKILL');
    await until(() => sync.pid !== pid && sync.health.state === 'inSync', 'in sync again');
    expect(fs.existsSync(killed ?? '')).toBe(true);
    two.write('host', 'another', large);
    await until(() => two.exists('guest', 'another') && two.raw('guest', 'another').equals(large), 'sent');
    await until(() => !fs.existsSync(killed ?? ''), 'it is gone');
    expect(toldSsh(processOf())).toHaveLength(1);
  });

  it('shows that it is gone where that happens again and again, and begins anew when asked', async () => {
    await attach();
    const first = processOf();
    process.kill(first, 'SIGKILL');
    await until(() => sync.pid !== first && sync.health.state === 'inSync', 'in sync again');
    process.kill(processOf(), 'SIGKILL');
    await until(() => sync.health.state === 'failed', 'failed');
    expect(sync.health.problem?.why).toBe('The process that does it ended unexpectedly.');
    await until(() => inGuest().length === 0, 'nothing runs in the guest');
    expect(sync.pid).toBeUndefined();
    two.write('host', 'a.txt', 'meanwhile');
    await attach();
    expect(contents('guest', 'a.txt')).toBe('meanwhile');
    expect(sync.health.problem).toBeUndefined();
  });

  it('notices the end of the connection, and takes the next one', async () => {
    await attach();
    connection.dispose();
    await until(() => sync.health.state === 'failed', 'failed');
    expect(sync.health.problem?.why).toBe('The connection to the environment was lost.');
    connection = await connect();
    two.write('host', 'a.txt', 'again');
    await attach();
    expect(contents('guest', 'a.txt')).toBe('again');
  });

  it('ends with the extension host, however that ends, and leaves the workspace to the next', async () => {
    const script = fileURLToPath(new URL('./support/killedHost.ts', import.meta.url));
    const args = [String(server.port), server.key, two.host, two.guest, two.state, two.guestState];
    const host = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = (await once(host.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    expect(isAlive(pid)).toBe(true);
    host.kill('SIGKILL');
    await until(() => !isAlive(pid), 'the process has ended with it');
    two.write('host', 'a.txt', 'the next one');
    await attach();
    expect(contents('guest', 'a.txt')).toBe('the next one');
  });
});
