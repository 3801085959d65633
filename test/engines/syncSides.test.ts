import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { pollUntil } from '../../src/base/abort.ts';
import { startAgent } from '../../src/sync/guest/startAgent.ts';
import { HostSide } from '../../src/sync/host/hostSide.ts';
import { PathRules } from '../../src/sync/patterns.ts';
import type { OwnedSide } from '../../src/sync/session.ts';
import type { Operation, Outcome } from '../../src/sync/side.ts';
import { TwoFolders } from './support/twoFolders.ts';

const signal = AbortSignal.timeout(250_000);
let two: TwoFolders;
let side: OwnedSide;
let root: string;

/** What every side must do alike, whoever does it. */
describe.each(['host', 'python3', 'perl', 'sh'] as const)('the side of %s', (who) => {
  beforeEach(async () => {
    two = new TwoFolders({}, undefined, who === 'host' ? 'python3' : who);
    root = who === 'host' ? two.host : two.guest;
    fs.mkdirSync(root, { recursive: true });
    side =
      who === 'host'
        ? await HostSide.open(
            {
              root,
              staging: path.join(two.state, 'staging'),
              trash: path.join(two.state, 'trash'),
              trashBytes: 1e6,
            },
            signal,
          )
        : await startAgent(two.connection, { path: root, key: 'k', trashBytes: 1e6 }, silentLogger, signal);
  });

  afterEach(() => {
    side.dispose();
    two.dispose();
  });

  const at = (name: string): string => path.join(root, name);

  async function apply(operation: Operation): Promise<Outcome> {
    const [outcome] = await side.apply([operation], signal);
    if (!outcome) throw new Error('No outcome.');
    return outcome;
  }

  async function printOf(name: string): Promise<string> {
    return (await side.stat([name], signal))[0]?.print ?? '-';
  }

  const file = (name: string, expectPrint: string, text: string): Operation => ({
    do: 'file',
    path: name,
    expect: expectPrint,
    executable: false,
    content: { data: Buffer.from(text) },
  });

  it('replaces and deletes only what is as expected, and says stale else', async () => {
    fs.writeFileSync(at('a'), 'first');
    const before = await printOf('a');
    fs.writeFileSync(at('a'), 'newer');
    for (const operation of [
      file('a', before, 'mine'),
      file('a', '-', 'mine'),
      { do: 'remove', path: 'a', expect: before },
      { do: 'mode', path: 'a', expect: before, executable: true },
      { do: 'move', path: 'a', to: 'b', expect: before },
      { do: 'link', path: 'a', expect: '-', target: 'x' },
      { do: 'folder', path: 'a' },
    ] satisfies Operation[]) {
      expect(await apply(operation), operation.do).toMatchObject({ done: false, why: 'stale' });
    }
    expect(fs.readFileSync(at('a'), 'utf8')).toBe('newer');
    fs.writeFileSync(at('b'), 'in the way');
    const move = { do: 'move', path: 'a', to: 'b', expect: await printOf('a') } as const;
    expect(await apply(move)).toMatchObject({ done: false, why: 'stale' });
    expect(fs.readFileSync(at('b'), 'utf8')).toBe('in the way');
  });

  it('puts a new file in the place of the old, whose readers keep what they opened', async () => {
    fs.writeFileSync(at('a'), 'old');
    const reader = fs.openSync(at('a'), 'r');
    const inode = fs.statSync(at('a')).ino;
    const outcome = await apply(file('a', await printOf('a'), 'new'));
    expect(outcome).toMatchObject({ done: true });
    expect(fs.readFileSync(reader, 'utf8')).toBe('old');
    fs.closeSync(reader);
    expect(fs.readFileSync(at('a'), 'utf8')).toBe('new');
    expect(fs.statSync(at('a')).ino).not.toBe(inode);
    expect(outcome.done && outcome.entry?.print).toBe(await printOf('a'));
  });

  it('writes through no link, and to no path that leads out', async () => {
    fs.mkdirSync(path.join(two.place, 'outside'));
    fs.symlinkSync(path.join(two.place, 'outside'), at('link'));
    fs.writeFileSync(path.join(two.place, 'outside', 'x'), 'x');
    expect(await apply(file('link/new', '-', 'escaped'))).toMatchObject({ done: false });
    expect(await apply({ do: 'folder', path: 'link/folder' })).toMatchObject({ done: false });
    for (const bad of ['../outside/new', '/tmp/switchyard-absolute', 'a/../../outside/new', './a', 'a\0b']) {
      expect(await apply(file(bad, '-', 'escaped')), bad).toMatchObject({ done: false });
    }
    expect(await side.read(['link/x'], signal)).toEqual([undefined]);
    expect(fs.readdirSync(path.join(two.place, 'outside'))).toEqual(['x']);
  });

  it('puts what it replaces or deletes into the trash, which has a bound', async () => {
    fs.writeFileSync(at('a'), 'one');
    await apply(file('a', await printOf('a'), 'two'));
    await apply({ do: 'remove', path: 'a', expect: await printOf('a') });
    const trash =
      who === 'host' ? path.join(two.state, 'trash') : path.join(two.guestState, 'switchyard/sync/k/trash');
    const held = (): string[] => fs.readdirSync(trash).filter((name) => name.includes('~'));
    expect(
      held()
        .map((name) => fs.readFileSync(path.join(trash, name), 'utf8'))
        .sort(),
    ).toEqual(['one', 'two']);
    expect(fs.readFileSync(path.join(trash, 'index'), 'utf8')).toMatch(/ replaced a\n.* deleted a\n/);
    for (let n = 0; n < 5; n += 1) {
      fs.writeFileSync(at('large'), Buffer.alloc(400_000, String(n)));
      await apply({ do: 'remove', path: 'large', expect: await printOf('large') });
    }
    expect(held().length).toBeLessThanOrEqual(2);
  });

  it('carries modes, links and odd names, and reads back what it wrote', async () => {
    const name = 'new\nline';
    expect(await apply(file(name, '-', 'text'))).toMatchObject({ done: true });
    const mode = { do: 'mode', path: name, expect: await printOf(name), executable: true } as const;
    expect(await apply(mode)).toMatchObject({ done: true });
    expect(fs.statSync(at(name)).mode & 0o111).not.toBe(0);
    const [read] = await side.read([name], signal);
    expect(Buffer.from(read?.data ?? []).toString()).toBe('text');
    const hash = createHash('sha256').update('text').digest('hex');
    expect(read?.hash).toBe(hash);
    expect((await side.hash([name, 'none'], signal)).map((found) => found?.hash)).toEqual([hash, undefined]);
    await apply({ do: 'link', path: 'link', expect: '-', target: name });
    expect(fs.readlinkSync(at('link'))).toBe(name);
  });

  it('scans everything but what is ignored, and knows what changed just now', async () => {
    fs.mkdirSync(at('d/node_modules/x'), { recursive: true });
    fs.writeFileSync(at('d/f'), '');
    fs.symlinkSync('f', at('d/l'));
    fs.symlinkSync('/etc', at('d/out'));
    const { entries } = await side.scan(PathRules.parse(['node_modules']).rules, signal);
    expect([...entries.keys()].sort()).toEqual(['d', 'd/f', 'd/l', 'd/out']);
    expect(entries.get('d/f')).toMatchObject({ racy: true });
    expect(entries.get('d/f')?.print).toBe(await printOf('d/f'));
    expect(entries.get('d/out')?.print).toBe('s');
    expect(entries.get('d/l')?.target).toBe('f');
  });

  it('takes a large file in pieces, goes on where it was cut off, and reads it so', async () => {
    const data = Buffer.alloc(2_500_000, 'abcdefg');
    await side.stage('large-1', 0, data.subarray(0, 1_000_000), signal);
    expect(await side.staged('large-1', signal)).toBe(1_000_000);
    await side.stage('large-1', 1_000_000, data.subarray(1_000_000), signal);
    const content = { staged: 'large-1', size: data.length };
    const wrong = { ...content, size: data.length + 1 };
    const put = { do: 'file', path: 'big', expect: '-', executable: true } as const;
    expect(await apply({ ...put, content: wrong })).toMatchObject({ done: false });
    expect(await apply({ ...put, content })).toMatchObject({ done: true });
    expect(fs.readFileSync(at('big')).equals(data)).toBe(true);
    const print = await printOf('big');
    const pieces: Uint8Array[] = [];
    for (let offset = 0; offset < data.length;) {
      const piece = await side.readPiece({ path: 'big', print, offset }, signal);
      if (!piece) throw new Error('No piece.');
      pieces.push(piece.data);
      offset += piece.data.length;
    }
    expect(Buffer.concat(pieces).equals(data)).toBe(true);
    fs.appendFileSync(at('big'), 'more');
    expect(await side.readPiece({ path: 'big', print, offset: 0 }, signal)).toBeUndefined();
  });

  it('leaves the holes of a sparse file, also beyond what 32 bits count', async () => {
    const words = Buffer.from('not only zeros');
    const zeros = Buffer.alloc(1_000_000);
    const hole = who === 'sh' ? zeros.length : 5 * 1024 ** 3;
    await side.stage('large-1', 0, zeros, signal);
    await side.stage('large-1', hole, words, signal);
    await side.stage('large-1', hole + words.length, zeros, signal);
    const size = hole + words.length + zeros.length;
    expect(await side.staged('large-1', signal)).toBe(size);
    const content = { staged: 'large-1', size };
    const put = { do: 'file', path: 'big', expect: '-', executable: false } as const;
    expect(await apply({ ...put, content })).toMatchObject({ done: true });
    const print = await printOf('big');
    const piece = await side.readPiece({ path: 'big', print, offset: hole }, signal);
    expect(Buffer.from(piece?.data ?? []).equals(Buffer.concat([words, zeros]))).toBe(true);
    // Each block has 512 bytes. A shell writes what comes.
    if (who !== 'sh') expect(fs.statSync(at('big')).blocks * 512).toBeLessThan(100_000);
  });

  it('tells what changes, also in folders that were just made', async () => {
    const told = new Set<string>();
    const events = {
      paths: (paths: readonly string[]): void => paths.forEach((one) => told.add(one)),
      anywhere: (): unknown => told.add('anywhere'),
      exhausted: (): unknown => told.add('exhausted'),
    };
    fs.mkdirSync(at('old'));
    await side.watch(PathRules.parse(['ignored']).rules, events, signal);
    if (who === 'sh') {
      // A shell cannot watch, and says so: it is looked at every few seconds instead.
      expect([...told]).toEqual(['exhausted']);
      return;
    }
    fs.mkdirSync(at('a/b/c'), { recursive: true });
    fs.writeFileSync(at('a/b/c/deep'), '');
    fs.mkdirSync(at('ignored'));
    fs.writeFileSync(at('ignored/x'), '');
    fs.renameSync(at('old'), at('new'));
    fs.writeFileSync(at('new/file'), '');
    const wanted = ['a', 'a/b', 'a/b/c', 'a/b/c/deep', 'old', 'new', 'new/file'];
    await pollUntil(() => Promise.resolve(wanted.every((one) => told.has(one)) ? true : undefined), {
      everyMs: 10,
      timeoutMs: 10_000,
      signal,
    });
    expect([...told].sort()).toEqual([...wanted].sort());
  });

  it('does not tell of what was written through it, but of what comes after', async () => {
    if (who === 'sh') return;
    const told: string[] = [];
    const events = {
      paths: (paths: readonly string[]): unknown => told.push(...paths),
      anywhere: (): unknown => told.push('anywhere'),
      exhausted: (): unknown => told.push('exhausted'),
    };
    const until = async (path: string): Promise<void> => {
      const found = await pollUntil(() => Promise.resolve(told.includes(path) ? true : undefined), {
        everyMs: 5,
        timeoutMs: 10_000,
        signal,
      });
      expect(found, path).toBe(true);
    };
    fs.writeFileSync(at('replaced'), 'old');
    fs.writeFileSync(at('moved'), '');
    fs.writeFileSync(at('gone'), '');
    await side.watch([], events, signal);
    const outcomes = await side.apply(
      [
        file('mine', '-', 'x'),
        file('replaced', await printOf('replaced'), 'new'),
        { do: 'remove', path: 'gone', expect: await printOf('gone') },
        { do: 'move', path: 'moved', to: 'there', expect: await printOf('moved') },
        { do: 'folder', path: 'folder' },
      ],
      signal,
    );
    expect(outcomes.every((outcome) => outcome.done)).toBe(true);
    fs.writeFileSync(at('theirs'), 'x');
    await until('theirs');
    expect(told.filter((path) => path !== 'theirs')).toEqual([]);
    fs.writeFileSync(at('mine'), 'another size');
    await until('mine');
    fs.unlinkSync(at('replaced'));
    await until('replaced');
  });

  it('refuses everything once the folder is another one', async () => {
    fs.renameSync(root, `${root}-away`);
    fs.mkdirSync(root);
    await expect(side.apply([file('a', '-', 'x')], signal)).rejects.toThrow('gone');
    await expect(side.scan([], signal)).rejects.toThrow('gone');
    fs.rmdirSync(root);
    fs.renameSync(`${root}-away`, root);
  });
});
