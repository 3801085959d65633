import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { Baseline } from '../../src/sync/baseline.ts';
import { Engine } from '../../src/sync/engine.ts';
import { HostSide } from '../../src/sync/host/hostSide.ts';
import { Protection } from '../../src/sync/patterns.ts';
import { FoldingSide } from './support/foldingSide.ts';
import { TwoFolders } from './support/twoFolders.ts';

const signal = AbortSignal.timeout(60_000);
let two: TwoFolders;
let inner: Record<'host' | 'guest', HostSide>;
let engine: Engine;

/** The host's disk does not tell capitals from small letters; the guest's does. */
beforeEach(async () => {
  two = new TwoFolders();
  two.write('guest', 'first', 'first');
  const open = (root: string, state: string): Promise<HostSide> => {
    const folder = path.join(two.place, state);
    const folders = { root, staging: `${folder}/staging`, trash: `${folder}/trash`, trashBytes: 1e9 };
    return HostSide.open(folders, signal);
  };
  inner = { host: await open(two.host, 'one'), guest: await open(two.guest, 'other') };
  engine = new Engine({
    sides: { host: new FoldingSide(inner.host, 'host'), guest: inner.guest },
    baseline: await Baseline.load(path.join(two.place, 'baseline'), 'both', 'boots', silentLogger),
    ...{ rules: [], protection: new Protection([]), log: silentLogger, now: () => new Date() },
    ...{ bulk: undefined, stream: undefined, unsavedOnHost: () => Promise.resolve(new Set<string>()) },
    ...{ onProgress: () => undefined, onSent: () => undefined },
  });
});

afterEach(() => {
  inner.host.dispose();
  inner.guest.dispose();
  two.dispose();
});

it('names that a disk takes for one another are reported, and nothing of either is touched', async () => {
  two.write('guest', 'README', 'in capitals');
  two.write('guest', 'folder/a', 'a');
  await engine.everything(signal);
  two.write('guest', 'readme', 'in small letters');
  two.write('guest', 'Folder/a', 'another a');
  two.write('guest', 'Folder/b', 'b');
  for (let n = 0; n < 2; n += 1) {
    const report = await engine.everything(signal);
    expect([...report.again]).toEqual([]);
    expect(Object.fromEntries(engine.skipped)).toEqual({
      readme: 'the disk of the host takes its name for that of README',
      Folder: 'the disk of the host takes its name for that of folder',
      'Folder/a': 'the disk of the host takes its name for that of folder',
      'Folder/b': 'the disk of the host takes its name for that of folder',
    });
  }
  // Also of what comes later, with nobody looking at everything.
  two.write('guest', 'Folder/c', 'c');
  await engine.some({ host: new Set(), guest: new Set(['Folder/c']) }, new Set(), signal);
  expect(engine.skipped.has('Folder/c')).toBe(true);
  expect(two.tree('host')).toEqual({
    ...{ first: '  first', README: '  in capitals', 'folder/': '', 'folder/a': '  a' },
  });
  expect(two.read('guest', 'readme')).toBe('in small letters');
  expect(two.read('guest', 'Folder/b')).toBe('b');
});

it('a name that only changes its case goes across', async () => {
  two.write('guest', 'README', 'text');
  await engine.everything(signal);
  two.remove('guest', 'README');
  two.write('guest', 'readme', 'text');
  const report = await engine.everything(signal);
  expect([...report.again]).toEqual([]);
  expect(two.tree('host')).toEqual({ first: '  first', readme: '  text' });
});
