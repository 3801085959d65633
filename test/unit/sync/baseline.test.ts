import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { Baseline, type Base } from '../../../src/sync/baseline.ts';

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'switchyard-baseline-'));
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function base(n: number): Base {
  return {
    host: `f0 1 ${n} ${n} 1`,
    guest: `f0 1 ${n} ${n} 2`,
    hash: 'ab'.repeat(32),
    target: '',
    hostRacy: n % 2 === 0,
    guestRacy: false,
    leftOn: undefined,
  };
}

async function load(identity = 'guest', boots = 'boot'): Promise<Baseline> {
  return Baseline.load(folder, identity, boots, silentLogger);
}

describe('a baseline', () => {
  it('comes back as it was committed', async () => {
    const first = await load();
    first.set('new\nline', base(1));
    first.set('gone', base(2));
    first.set('\xff', { ...base(3), host: 'd', guest: 'd', hash: '', leftOn: 'guest' });
    await first.commit(await first.pending());
    first.delete('gone');
    await first.commit(await first.pending());
    expect([...(await load()).entries]).toEqual([
      ['new\nline', base(1)],
      ['\xff', { ...base(3), host: 'd', guest: 'd', hash: '', leftOn: 'guest' }],
    ]);
  });

  it('keeps what was noted only as long as neither side booted', async () => {
    const first = await load();
    first.set('settled', base(1));
    await first.commit(await first.pending());
    first.set('unsettled', base(2));
    first.delete('settled');
    await first.note();
    expect([...(await load()).entries.keys()]).toEqual(['unsettled']);
    expect([...(await load('guest', 'another boot')).entries.keys()]).toEqual(['settled']);
  });

  it('does not commit what moved after it was taken', async () => {
    const first = await load();
    first.set('a', base(1));
    const pending = await first.pending();
    first.set('a', base(2));
    await first.commit(pending);
    expect(first.hasUncommitted).toBe(true);
    expect((await load('guest', 'another boot')).entries.get('a')).toEqual(base(1));
  });

  it('begins anew with another guest', async () => {
    const first = await load();
    first.set('a', base(1));
    await first.commit(await first.pending());
    expect((await load('another guest')).entries.size).toBe(0);
  });

  it('counts as none when it is damaged', async () => {
    const first = await load();
    first.set('a', base(1));
    await first.commit(await first.pending());
    await load();
    const file = path.join(folder, 'baseline');
    const data = fs.readFileSync(file);
    data[data.length >> 1] = (data[data.length >> 1] ?? 0) ^ 1;
    fs.writeFileSync(file, data);
    expect((await load()).entries.size).toBe(0);
  });

  it('takes a journal that is cut off anywhere up to its last whole record', async () => {
    const first = await load();
    const journal = path.join(folder, 'journal');
    const ends = [fs.statSync(journal).size];
    for (let n = 0; n < 3; n += 1) {
      first.set(`file ${n}`, base(n));
      await first.commit(await first.pending());
      ends.push(fs.statSync(journal).size);
    }
    const snapshot = fs.readFileSync(path.join(folder, 'baseline'));
    const whole = fs.readFileSync(journal);
    for (let length = ends[0] ?? 0; length <= whole.length; length += 7) {
      fs.writeFileSync(path.join(folder, 'baseline'), snapshot);
      fs.writeFileSync(journal, whole.subarray(0, length));
      fs.rmSync(path.join(folder, 'unsettled'));
      const records = ends.filter((end) => end <= length).length - 1;
      expect((await load()).entries.size, `cut at ${length}`).toBe(records);
    }
  });
});
