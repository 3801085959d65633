import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { WorkspaceSync } from '../../src/sync/workspaceSync.ts';
import { SshServer, type SshConnectionForTests } from './support/sshServer.ts';
import { TwoFolders } from './support/twoFolders.ts';

let server: SshServer;
let two: TwoFolders;
let sync: WorkspaceSync;
let connection: SshConnectionForTests;

const signal = AbortSignal.timeout(280_000);

beforeAll(async () => {
  server = await SshServer.start();
});

afterAll(() => server.stop());

beforeEach(async () => {
  two = new TwoFolders();
  for (const name of ['a', 'b', 'c', 'd']) two.write('host', `src/${name}.txt`, name);
  two.write('host', 'stays', '');
  sync = new WorkspaceSync(two.options);
  await attach();
});

afterEach(() => {
  sync.dispose();
  connection.dispose();
  two.dispose();
});

async function attach(): Promise<void> {
  connection = await server.connect({ XDG_STATE_HOME: two.guestState });
  await sync.attach({ connection, guestFolder: two.guest, guestId: 'g' }, silentProgress, signal);
}

async function pause(): Promise<void> {
  sync.pause();
  await until(() => sync.health.state === 'paused', 'paused');
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const met = await pollUntil(() => Promise.resolve(condition() ? true : undefined), {
    everyMs: 5,
    timeoutMs: 20_000,
    signal,
  });
  if (met === undefined) throw new Error(`Never: ${what}. ${JSON.stringify(sync.health)}`);
}

async function untilSame(): Promise<void> {
  await until(() => {
    try {
      return JSON.stringify(sorted(two.tree('host'))) === JSON.stringify(sorted(two.tree('guest')));
    } catch (error) {
      // It was just moving.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }, 'both the same');
}

function sorted(tree: Record<string, string>): [string, string][] {
  return Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Process ids of the agents whose state lies in a folder. */
function agentsIn(state: string): number[] {
  const has = (pid: string): boolean => {
    try {
      const environment = fs.readFileSync(`/proc/${pid}/environ`, 'utf8');
      return (
        environment.includes(state) && fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('python')
      );
    } catch {
      // It ended meanwhile.
      return false;
    }
  };
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && has(name))
    .map(Number);
}

function contents(side: 'host' | 'guest', at: string): string | undefined {
  return two.exists(side, at) ? two.read(side, at) : undefined;
}

describe('a live sync', () => {
  it('brings a change across by itself, either way', async () => {
    two.write('host', 'src/a.txt', 'from host');
    await until(() => contents('guest', 'src/a.txt') === 'from host', 'the guest has it');
    two.write('guest', 'src/b.txt', 'from guest');
    await until(() => contents('host', 'src/b.txt') === 'from guest', 'the host has it');
    two.remove('host', 'src/c.txt');
    await until(() => !two.exists('guest', 'src/c.txt'), 'it is gone in the guest');
    two.remove('guest', 'src/d.txt');
    await until(() => !two.exists('host', 'src/d.txt'), 'it is gone on the host');
    await until(() => sync.health.state === 'inSync', 'in sync');
    expect(sync.health).toMatchObject({ pending: 0, conflicts: [], problem: undefined });
    expect(sync.health.inSyncSince).toBeInstanceOf(Date);
  });

  it('brings across what just changed before it is entered again, without looking at everything', async () => {
    const request = { connection, guestFolder: two.guest, guestId: 'g' };
    const again = (): Promise<unknown> => sync.attach(request, silentProgress, signal);
    // Behind it the look that follows the first upload is over too.
    await sync.syncNow(request, silentProgress, signal);
    const { lastScan } = sync.health;
    for (let n = 0; n < 20; n += 1) {
      two.write('host', `src/of-host-${n}.txt`, `host ${n}`);
      two.write('guest', `src/of-guest-${n}.txt`, `guest ${n}`);
      await again();
      expect(contents('guest', `src/of-host-${n}.txt`)).toBe(`host ${n}`);
      expect(contents('host', `src/of-guest-${n}.txt`)).toBe(`guest ${n}`);
    }
    expect(sync.health.lastScan).toBe(lastScan);
    await until(() => sync.health.lastScan !== lastScan, 'looked at everything behind the open terminal');
  });

  it('brings across what the host changed while the machine slept, before it is entered again', async () => {
    await sync.hold(signal);
    expect(sync.health.state).toBe('detached');
    const { lastScan } = sync.health;
    two.write('host', 'src/a.txt', 'changed over night');
    await sync.attach({ connection, guestFolder: two.guest, guestId: 'g' }, silentProgress, signal);
    expect(contents('guest', 'src/a.txt')).toBe('changed over night');
    expect(sync.health.lastScan).toBe(lastScan);
    two.write('host', 'src/a.txt', 'followed again');
    await until(() => contents('guest', 'src/a.txt') === 'followed again', 'it is followed again');
  });

  it('looks at everything when a person asks for it', async () => {
    await until(() => sync.health.state === 'inSync', 'in sync');
    const { lastScan } = sync.health;
    await sync.syncNow({ connection, guestFolder: two.guest, guestId: 'g' }, silentProgress, signal);
    expect(sync.health.lastScan).not.toBe(lastScan);
  });

  it('misses nothing of folders that are made and filled at once', async () => {
    for (const side of ['host', 'guest'] as const) {
      for (let n = 0; n < 20; n += 1) two.write(side, `${side}/storm/${n}/x/y/z.txt`, String(n));
    }
    await untilSame();
    expect(Object.keys(two.tree('host')).filter((name) => name.endsWith('z.txt'))).toHaveLength(40);
  });

  it('follows renames of files and folders', async () => {
    fs.renameSync(path.join(two.host, 'src'), path.join(two.host, 'lib'));
    await untilSame();
    fs.renameSync(path.join(two.guest, 'lib'), path.join(two.guest, 'app'));
    fs.renameSync(path.join(two.guest, 'app/a.txt'), path.join(two.guest, 'app/z.txt'));
    await untilSame();
    expect(two.read('host', 'app/z.txt')).toBe('a');
    two.write('host', 'app/b.txt', 'still watched');
    await until(() => contents('guest', 'app/b.txt') === 'still watched', 'it is watched under its new name');
  });

  it('takes the last of many saves, also by editors that rename', async () => {
    const file = path.join(two.host, 'src/a.txt');
    for (let n = 0; n < 50; n += 1) {
      fs.writeFileSync(`${file}.tmp`, `save ${n}`);
      fs.renameSync(`${file}.tmp`, file);
    }
    await until(() => contents('guest', 'src/a.txt') === 'save 49', 'the last save is there');
    await untilSame();
  });

  it('keeps both where both changed at once, shows it, and resolves it', async () => {
    for (const keep of ['host', 'guest', 'both'] as const) {
      await pause();
      two.write('host', 'src/a.txt', `host ${keep}`);
      two.write('guest', 'src/a.txt', `guest ${keep}`);
      sync.resume();
      await until(() => sync.health.conflicts.length === 1, 'a conflict');
      const { copy } = sync.health.conflicts[0] ?? { copy: '' };
      await until(() => contents('host', copy) === `guest ${keep}`, 'the copy is on the host');
      expect(two.read('host', 'src/a.txt')).toBe(`host ${keep}`);
      await sync.resolveConflict('src/a.txt', keep, signal);
      expect(sync.health.conflicts).toEqual([]);
      const wanted = keep === 'guest' ? 'guest guest' : `host ${keep}`;
      await until(() => contents('guest', 'src/a.txt') === wanted, 'the guest has what was kept');
      expect(two.exists('host', copy)).toBe(keep === 'both');
      await untilSame();
    }
  });

  it('holds a guest’s change of a protected path until it is accepted or refused', async () => {
    two.write('guest', '.vscode/tasks.json', 'planted');
    await until(() => sync.health.heldBack.length === 2, 'held back');
    expect(two.exists('host', '.vscode')).toBe(false);
    const { guest } = await sync.versions('.vscode/tasks.json', signal);
    expect(Buffer.from(guest ?? []).toString()).toBe('planted');
    await sync.decideHeldBack('.vscode/tasks.json', 'accept', signal);
    expect(two.read('host', '.vscode/tasks.json')).toBe('planted');
    two.write('guest', '.vscode/tasks.json', 'worse');
    await until(() => sync.health.heldBack.length === 1, 'held back again');
    await sync.decideHeldBack('.vscode/tasks.json', 'refuse', signal);
    await until(() => contents('guest', '.vscode/tasks.json') === 'planted', 'the host’s is back');
    await until(() => sync.health.heldBack.length === 0, 'nothing held back');
  });

  it('asks before it deletes much, and does as it is told', async () => {
    for (const answer of ['restore', 'delete'] as const) {
      for (let n = 0; n < 70; n += 1) two.write('host', `many/${n}`, String(n));
      await untilSame();
      two.remove('guest', 'many');
      await until(() => sync.health.state === 'halted', 'halted');
      expect(sync.health.halt).toMatchObject({ saw: 'deletions', on: 'host' });
      expect(fs.readdirSync(path.join(two.host, 'many')).length).toBeGreaterThan(15);
      // The rest goes on.
      two.write('host', 'src/a.txt', answer);
      await until(() => contents('guest', 'src/a.txt') === answer, 'other changes go on');
      await until(() => sync.health.pending === 0, 'all seen');
      sync.answerHalt(answer);
      await until(() => sync.health.halt === undefined, 'no longer halted');
      await untilSame();
      if (answer === 'delete') expect(two.exists('host', 'many')).toBe(false);
    }
  });

  it('asks where a side is empty all at once, and brings back what is gone', async () => {
    await pause();
    two.remove('guest', 'src');
    two.remove('guest', 'stays');
    sync.resume();
    await until(() => sync.health.halt?.saw === 'emptied', 'halted');
    expect(two.read('host', 'src/a.txt')).toBe('a');
    sync.answerHalt('restore');
    await untilSame();
    expect(two.read('guest', 'src/a.txt')).toBe('a');
  });

  it('misses nothing that changes while the first upload ends and before the watches stand', async () => {
    const fresh = new TwoFolders();
    const theirs = await server.connect({ XDG_STATE_HOME: fresh.guestState });
    const first = new WorkspaceSync(fresh.options);
    try {
      for (const side of ['host', 'guest'] as const) fresh.write(side, 'stays', '');
      let isOver = false;
      const attached = first
        .attach({ connection: theirs, guestFolder: fresh.guest, guestId: 'g' }, silentProgress, signal)
        .finally(() => (isOver = true));
      let moments = 0;
      // One a turn: some fall before the first look, some into the gap, some after it.
      const edit = (): Promise<true | undefined> => {
        for (const side of ['host', 'guest'] as const) fresh.write(side, `${side}-${moments}`, side);
        moments += 1;
        return Promise.resolve(isOver ? true : undefined);
      };
      await pollUntil(edit, { everyMs: 1, timeoutMs: 20_000, signal });
      await attached;
      const isThere = (side: 'host' | 'guest'): boolean =>
        Array.from({ length: moments }, (_, n) => n).every(
          (n) => fresh.exists('host', `${side}-${n}`) && fresh.exists('guest', `${side}-${n}`),
        );
      await until(() => isThere('host') && isThere('guest'), 'every edit is on both sides');
    } finally {
      first.dispose();
      theirs.dispose();
      fresh.dispose();
    }
  });

  it('carries on after the connection was cut, with what happened meanwhile', async () => {
    connection.cut();
    await until(() => sync.health.state === 'failed', 'the loss is seen');
    expect(two.exists('guest', 'src/b.txt')).toBe(true);
    two.write('host', 'src/a.txt', 'while apart');
    two.write('guest', 'src/b.txt', 'while apart too');
    await attach();
    expect(sync.health.problem).toBeUndefined();
    await untilSame();
    expect(two.read('host', 'src/b.txt')).toBe('while apart too');
  });

  it('leaves the work to the window that has it, which brings all across when asked, and takes over', async () => {
    const other = new WorkspaceSync(two.options);
    const theirs = await server.connect({ XDG_STATE_HOME: two.guestState });
    try {
      two.write('host', 'src/a.txt', 'before the other window asks');
      const request = { connection: theirs, guestFolder: two.guest, guestId: 'g' };
      await other.attach(request, silentProgress, signal);
      expect(two.read('guest', 'src/a.txt')).toBe('before the other window asks');
      expect(other.health.state).toBe('detached');
      sync.dispose();
      await until(() => other.health.state === 'inSync', 'the other window took over');
      two.write('guest', 'src/b.txt', 'seen by the other window');
      await until(() => contents('host', 'src/b.txt') === 'seen by the other window', 'it works');
    } finally {
      other.dispose();
      theirs.dispose();
    }
  });

  it('ends at once, where nobody waits for it, with a guest that says nothing any more', async () => {
    const agents = agentsIn(two.guestState);
    expect(agents).not.toEqual([]);
    for (const pid of agents) process.kill(pid, 'SIGSTOP');
    try {
      const request = { connection, guestFolder: two.guest, guestId: 'g' };
      const underWay = expect(sync.carry(request, silentProgress, signal)).rejects.toThrow(
        'connection to the environment was lost',
      );
      const from = performance.now();
      await sync.detach(AbortSignal.abort());
      expect(sync.health.state).toBe('detached');
      await underWay;
      // An agent counts as gone after 30 s.
      expect(performance.now() - from).toBeLessThan(5_000);
    } finally {
      for (const pid of agents) process.kill(pid, 'SIGCONT');
    }
  });

  it('flushes the last edit when it is detached', async () => {
    two.write('host', 'src/a.txt', 'last words');
    await sync.detach(signal);
    expect(two.read('guest', 'src/a.txt')).toBe('last words');
    expect(sync.health.state).toBe('detached');
  });

  it('takes a commit across only whole, and git finds nothing amiss', async () => {
    const git = (side: 'host' | 'guest', ...args: string[]): string => runGit(two[side], args);
    git('host', 'init', '-q', '-b', 'main');
    for (let n = 0; n < 5; n += 1) {
      const side = n % 2 === 0 ? 'host' : 'guest';
      await until(
        () => two.exists(side, '.git/HEAD') && two.exists(side, '.git/objects'),
        'the repository is there',
      );
      two.write(side, 'src/a.txt', `commit ${n}`);
      git(side, 'add', '-A');
      git(side, 'commit', '-q', '-m', `commit ${n}`);
      const head = git(side, 'rev-parse', 'HEAD');
      const other = side === 'host' ? 'guest' : 'host';
      await until(() => headOf(two[other]) === head, `commit ${n} is on the other side`);
      await untilSameGit();
      expect(git(other, 'status', '--porcelain', '-uno')).toBe('');
      git(other, 'fsck', '--strict');
    }
  });
  it('keeps the refs of both sides where both packed theirs anew', async () => {
    const git = (side: 'host' | 'guest', ...args: string[]): string => runGit(two[side], args);
    git('host', 'init', '-q', '-b', 'main');
    two.write('host', 'src/a.txt', 'first');
    git('host', 'add', '-A');
    git('host', 'commit', '-q', '-m', 'first');
    git('host', 'branch', 'moved');
    git('host', 'pack-refs', '--all');
    await until(() => headOf(two.guest) === headOf(two.host), 'the commit is on the other side');
    await untilSameGit();
    await pause();
    const tips: Record<string, string> = {};
    for (const side of ['host', 'guest'] as const) {
      git(side, 'commit', '-q', '--allow-empty', '-m', `of the ${side}`);
      const tip = git(side, 'rev-parse', 'HEAD');
      tips[side] = tip;
      git(side, 'reset', '-q', '--soft', 'main~1');
      git(side, 'branch', '-f', 'moved', tip);
      git(side, 'branch', `only-${side}`, tip);
      git(side, 'pack-refs', '--all');
    }
    sync.resume();
    const ref = (side: 'host' | 'guest', name: string): string =>
      runGit(two[side], ['for-each-ref', '--format=%(objectname)', name]);
    for (const side of ['host', 'guest'] as const) {
      await until(() => ref(side, 'refs/switchyard/heads/moved') === tips['guest'], `kept on the ${side}`);
      await until(
        () => ref(side, 'refs/heads/only-guest') === tips['guest'],
        `the guest’s is on the ${side}`,
      );
      await until(() => ref(side, 'refs/heads/only-host') === tips['host'], `the host’s is on the ${side}`);
      expect(ref(side, 'refs/heads/moved')).toBe(tips['host']);
      git(side, 'fsck', '--strict');
    }
    await until(() => sync.health.conflicts.length === 1, 'a conflict');
    expect(sync.health.conflicts[0]).toMatchObject({
      path: '.git/refs/heads/moved',
      copy: '.git/refs/switchyard/heads/moved',
    });
    await sync.resolveConflict('.git/refs/heads/moved', 'guest', signal);
    for (const side of ['host', 'guest'] as const) {
      await until(() => ref(side, 'refs/heads/moved') === tips['guest'], `the guest’s it is on the ${side}`);
      expect(git(side, 'rev-parse', 'main')).toBe(git('host', 'rev-parse', 'main'));
    }
  });
});

async function untilSameGit(): Promise<void> {
  await until(
    () => contents('host', '.git/index') === contents('guest', '.git/index'),
    'the index is the same',
  );
  await until(
    () => contents('host', 'src/a.txt') === contents('guest', 'src/a.txt'),
    'the files are the same',
  );
}

function headOf(folder: string): string | undefined {
  try {
    return runGit(folder, ['rev-parse', 'HEAD']);
  } catch {
    // No commit there yet.
    return undefined;
  }
}

function runGit(folder: string, args: readonly string[]): string {
  const {
    status,
    signal: endedBy,
    stdout,
    stderr,
  } = spawnSync(
    'git',
    ['-c', 'safe.directory=*', '-c', 'user.name=T', '-c', 'user.email=t@example.com', '-C', folder, ...args],
    { encoding: 'utf8', env: { ...process.env, GIT_OPTIONAL_LOCKS: '0' } },
  );
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${status ?? endedBy ?? ''} ${stderr} ${stdout}`);
  return stdout.trim();
}
