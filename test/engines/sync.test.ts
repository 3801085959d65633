import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import type { Progress } from '../../src/base/progress.ts';
import { TwoFolders } from './support/twoFolders.ts';

let two: TwoFolders;

afterEach(() => {
  two.dispose();
});

function expectSame(): void {
  expect(two.tree('guest')).toEqual(two.tree('host'));
}

// Each with nothing else in the guest's path.
describe.each([['python3'], ['perl'], ['sh']])('with %s', (interpreter) => {
  beforeEach(() => {
    two = new TwoFolders({}, undefined, interpreter);
  });

  describe('the first carry', () => {
    it('fills an empty guest with everything', async () => {
      two.write('host', 'a.txt', 'A');
      two.write('host', 'deep/er/b.txt', 'B');
      two.write('host', 'run.sh', '#!/bin/sh\n');
      two.write('host', 'empty.txt', '');
      fs.chmodSync(path.join(two.host, 'run.sh'), 0o755);
      fs.mkdirSync(path.join(two.host, 'nothing/in/it'), { recursive: true });
      fs.symlinkSync('deep/er/b.txt', path.join(two.host, 'link'));
      two.write('host', 'big.bin', Buffer.alloc(5_000_001, 'x'));
      const report = await two.carry();
      expect(report).toMatchObject({ toHost: 0, conflicts: [], heldBack: [], skipped: [] });
      expect(report.toGuest).toBeGreaterThan(5);
      expectSame();
    });

    it('carries names that are no text', async () => {
      const names = ['new\nline', '-rf', 'quo\'te"', ' spaces ', 'tab\t', '$HOME', '*', 'é', '\\'];
      for (const name of names) two.write('host', name, name);
      const bytes = Buffer.concat([Buffer.from(`${two.host}/`), Buffer.from([0xff, 0xfe, 0x41])]);
      fs.writeFileSync(bytes, 'no UTF-8');
      await two.carry();
      expect(Object.keys(two.tree('guest')).length).toBe(names.length + 1);
      expectSame();
    });

    it('sends many files as a stream, and they are all as they were', async () => {
      for (let n = 0; n < 400; n += 1) two.write('host', `d${n % 7}/e${n % 3}/-f ${n}\n`, `content ${n}`);
      fs.chmodSync(path.join(two.host, 'd1/e1/-f 1\n'), 0o755);
      fs.symlinkSync('e1', path.join(two.host, 'd1/link'));
      fs.mkdirSync(path.join(two.host, 'd1/empty'));
      // The guest has some of it already: what is there stays.
      two.write('guest', 'd0/e0/-f 0\n', 'the guest’s own');
      const newest = fs.lstatSync(path.join(two.host, 'd1/link')).ctimeMs;
      await pollUntil(() => Promise.resolve(Date.now() - newest > 2_100 ? true : undefined), {
        everyMs: 50,
        timeoutMs: 5_000,
        signal: AbortSignal.timeout(10_000),
      });
      const report = await two.carry();
      expect(report.conflicts).toHaveLength(1);
      expect(two.read('guest', 'd0/e0/-f 0\n')).toBe('content 0');
      expectSame();
      expect(await two.carry()).toMatchObject({ toGuest: 0, toHost: 0, conflicts: [] });
    });

    it('goes on with a large file where it was cancelled', async () => {
      const content = randomBytes(24 * 1024 ** 2);
      two.write('host', 'large', content);
      const cancel = new AbortController();
      const carried = two.carry(cancel.signal);
      const outcome = expect(carried).rejects.toThrow();
      // By a program of its own: what it looks at comes and goes.
      const isHalfWay = (): boolean =>
        spawnSync('find', [two.place, '-name', 'large-*', '-size', '+1024k']).stdout.length > 0;
      await pollUntil(() => Promise.resolve(isHalfWay() ? true : undefined), {
        everyMs: 1,
        timeoutMs: 30_000,
        signal: AbortSignal.timeout(60_000),
      });
      cancel.abort();
      await outcome;
      const lines: string[] = [];
      const progress: Progress = { step: () => undefined, line: (text) => void lines.push(text) };
      expect(two.exists('guest', 'large')).toBe(false);
      await two.carry(AbortSignal.timeout(60_000), progress);
      expect(two.raw('guest', 'large').equals(content)).toBe(true);
      // What had come already was not sent again.
      const [, sent = ''] = /1 of 1 files, ([\d.]+) of 25 MB/.exec(lines.at(-1) ?? '') ?? [];
      expect(Number(sent)).toBeGreaterThan(0);
      expect(Number(sent)).toBeLessThan(24);
    });

    it('keeps both where both sides held something different, and takes over what is the same', async () => {
      two.write('host', 'same.txt', 'same');
      two.write('guest', 'same.txt', 'same');
      two.write('host', 'other.txt', 'host');
      two.write('guest', 'other.txt', 'guest');
      two.write('guest', 'only-guest.txt', 'g');
      const report = await two.carry();
      expect(report.conflicts).toHaveLength(1);
      expect(two.read('host', 'other.txt')).toBe('host');
      expect(two.read('host', report.conflicts[0]?.copy ?? '')).toBe('guest');
      expect(two.read('host', 'only-guest.txt')).toBe('g');
      expectSame();
    });

    it('leaves out what is ignored, on both sides', async () => {
      two.write('host', 'node_modules/x/index.js', 'host');
      two.write('guest', 'node_modules/y/index.js', 'guest');
      two.write('host', '.switchyardignore', '*.log\n!keep.log\n');
      two.write('host', 'a.log', '');
      two.write('host', 'keep.log', '');
      await two.carry();
      expect(two.exists('guest', 'node_modules/x')).toBe(false);
      expect(two.exists('host', 'node_modules/y')).toBe(false);
      expect(two.exists('guest', 'a.log')).toBe(false);
      expect(two.exists('guest', 'keep.log')).toBe(true);
    });

    it('leaves out and reports links that lead out, and what is no file', async () => {
      fs.symlinkSync('/etc/passwd', path.join(two.host, 'absolute'));
      fs.symlinkSync('../../outside', path.join(two.host, 'climbing'));
      two.write('host', 'fine.txt', '');
      const report = await two.carry();
      expect(report.skipped.map((item) => item.path).sort()).toEqual(['absolute', 'climbing']);
      expect(Object.keys(two.tree('guest'))).toEqual(['fine.txt']);
    });
  });

  describe('a later carry', () => {
    beforeEach(async () => {
      for (const name of ['a', 'b', 'c', 'd']) two.write('host', `src/${name}.txt`, name);
      two.write('host', 'stays', '');
      await two.carry();
    });

    it('does nothing where nothing changed', async () => {
      expect(await two.carry()).toMatchObject({ toGuest: 0, toHost: 0 });
    });

    it.each([
      ['host', 'guest'],
      ['guest', 'host'],
    ] as const)('sends nothing of what is only newer on the %s', async (from, to) => {
      const before = fs.statSync(path.join(two[to], 'src/a.txt'));
      fs.utimesSync(path.join(two[from], 'src/a.txt'), 1_000, 1_000);
      for (let n = 0; n < 2; n += 1) {
        expect(await two.carry()).toMatchObject({ toGuest: 0, toHost: 0, conflicts: [] });
        expect(fs.statSync(path.join(two[to], 'src/a.txt')).ino).toBe(before.ino);
      }
      two.write(from, 'src/a.txt', 'N');
      await two.carry();
      expect(two.read(to, 'src/a.txt')).toBe('N');
    });

    it('takes each side’s changes to the other', async () => {
      two.write('host', 'src/a.txt', 'a2');
      two.remove('host', 'src/b.txt');
      two.write('guest', 'src/c.txt', 'c2');
      two.remove('guest', 'src/d.txt');
      two.write('guest', 'new/from/guest.txt', 'n');
      const report = await two.carry();
      expect(report.conflicts).toEqual([]);
      expect(two.tree('host')).toEqual({
        stays: '  ',
        'src/': '',
        'src/a.txt': '  a2',
        'src/c.txt': '  c2',
        'new/': '',
        'new/from/': '',
        'new/from/guest.txt': '  n',
      });
      expectSame();
    });

    it('notices an edit of the same size with its time set back', async () => {
      const file = path.join(two.guest, 'src/a.txt');
      const { atime, mtime } = fs.statSync(file);
      fs.writeFileSync(file, 'Z');
      fs.utimesSync(file, atime, mtime);
      await two.carry();
      expect(two.read('host', 'src/a.txt')).toBe('Z');
    });

    it('keeps both versions of what both changed', async () => {
      two.write('host', 'src/a.txt', 'from host');
      two.write('guest', 'src/a.txt', 'from guest');
      const report = await two.carry();
      expect(report.conflicts).toEqual([
        { path: 'src/a.txt', copy: expect.stringContaining('sync-conflict') as string },
      ]);
      expect(two.read('host', 'src/a.txt')).toBe('from host');
      expect(two.read('host', report.conflicts[0]?.copy ?? '')).toBe('from guest');
      expectSame();
    });

    it('lets a change win over a deletion', async () => {
      two.write('host', 'src/a.txt', 'changed');
      two.remove('guest', 'src/a.txt');
      two.remove('host', 'src/b.txt');
      two.write('guest', 'src/b.txt', 'changed too');
      await two.carry();
      expect(two.read('guest', 'src/a.txt')).toBe('changed');
      expect(two.read('host', 'src/b.txt')).toBe('changed too');
      expectSame();
    });

    it('keeps a folder in which something changed, though it was deleted on the other side', async () => {
      two.remove('host', 'src');
      two.write('guest', 'src/c.txt', 'changed');
      await two.carry();
      expect(two.tree('host')).toEqual({ stays: '  ', 'src/': '', 'src/c.txt': '  changed' });
      expectSame();
    });

    it('follows a file that became a folder, and a folder that became a file or link', async () => {
      two.remove('host', 'src/a.txt');
      two.write('host', 'src/a.txt/inner', 'i');
      await two.carry();
      expectSame();
      two.remove('guest', 'src/a.txt');
      fs.symlinkSync('b.txt', path.join(two.guest, 'src/a.txt'));
      await two.carry();
      expect(fs.readlinkSync(path.join(two.host, 'src/a.txt'))).toBe('b.txt');
      expectSame();
    });

    it('keeps both where one side made a folder of what the other changed', async () => {
      two.remove('guest', 'src/a.txt');
      two.write('guest', 'src/a.txt/inner', 'i');
      two.write('host', 'src/a.txt', 'changed');
      const report = await two.carry();
      expect(report.conflicts).toHaveLength(1);
      expect(two.read('host', 'src/a.txt')).toBe('changed');
      expect(two.read('host', `${report.conflicts[0]?.copy ?? ''}/inner`)).toBe('i');
      expectSame();
    });

    it('deletes nothing of a folder that cannot be read, and says so', async () => {
      // Root reads everything, so here is what nobody can list: no folder, file or link at all.
      two.write('host', 'src/sub/x.txt', 'x');
      await two.carry();
      two.remove('guest', 'src/sub');
      execFileSync('mkfifo', [path.join(two.guest, 'src/sub')]);
      const report = await two.carry();
      expect(report.skipped.map((item) => item.path)).toContain('src/sub');
      expect(two.read('host', 'src/sub/x.txt')).toBe('x');
    });

    it('carries the executable bit both ways', async () => {
      fs.chmodSync(path.join(two.host, 'src/a.txt'), 0o755);
      fs.chmodSync(path.join(two.guest, 'src/b.txt'), 0o755);
      await two.carry();
      expect(two.tree('host')['src/b.txt']).toBe('x b');
      expectSame();
    });

    it('puts what it replaced or deleted into the trash of its side', async () => {
      two.write('host', 'src/a.txt', 'a2');
      two.remove('guest', 'src/d.txt');
      await two.carry();
      expect(two.trash('guest')).toEqual(['a']);
      expect(two.trash('host')).toEqual(['d']);
    });

    it('holds back what a guest plants to run on the host', async () => {
      two.write('guest', '.vscode/tasks.json', 'evil');
      two.write('guest', 'sub/.git/hooks/pre-commit', 'evil');
      two.write('guest', '.envrc', 'evil');
      fs.symlinkSync('src', path.join(two.guest, '.devcontainer'));
      const report = await two.carry();
      expect([...report.heldBack].sort()).toEqual([
        '.devcontainer',
        '.envrc',
        '.vscode',
        '.vscode/tasks.json',
        'sub/.git/hooks',
        'sub/.git/hooks/pre-commit',
      ]);
      expect(two.exists('host', '.vscode')).toBe(false);
      expect(two.exists('host', '.devcontainer')).toBe(false);
    });

    it('leaves ignored content alone also where its folder was deleted, and the folder stays deleted', async () => {
      two.write('guest', 'src/node_modules/x.js', 'x');
      two.remove('host', 'src');
      await two.carry();
      expect(two.exists('host', 'src')).toBe(false);
      expect(two.read('guest', 'src/node_modules/x.js')).toBe('x');
      expect(await two.carry()).toMatchObject({ toGuest: 0, toHost: 0 });
      expect(two.exists('host', 'src')).toBe(false);
      two.write('guest', 'src/back.txt', 'back');
      await two.carry();
      expect(two.read('host', 'src/back.txt')).toBe('back');
    });

    it('stops before it deletes anything where a side is empty all at once', async () => {
      two.remove('guest', 'src');
      two.remove('guest', 'stays');
      await expect(two.carry()).rejects.toMatchObject({ code: 'sync.halted' });
      expect(two.exists('host', 'src/a.txt')).toBe(true);
    });

    it('begins anew where the guest was made anew', async () => {
      fs.rmSync(two.guest, { recursive: true });
      fs.rmSync(two.guestState, { recursive: true });
      const report = await two.carry();
      expect(report.toGuest).toBe(6);
      expectSame();
    });

    it('does not delete many paths unasked', async () => {
      for (let n = 0; n < 60; n += 1) two.write('host', `many/${n}`, String(n));
      await two.carry();
      two.remove('guest', 'many');
      const report = await two.carry();
      expect(report.skipped.length).toBe(61);
      expect(two.exists('host', 'many/59')).toBe(true);
    });
  });
});
