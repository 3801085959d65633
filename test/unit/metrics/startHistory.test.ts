import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { median, StartHistory, type StartRecord } from '../../../src/metrics/startHistory.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'switchyard-history-'));
});

afterEach(() => rm(folder, { recursive: true }));

function start(durationMs: number, how: StartRecord['how'] = 'start', warmCache = true): StartRecord {
  return { how, durationMs, warmCache, at: '2026-11-21T12:00:00.000Z' };
}

describe('StartHistory', () => {
  it('is empty without a file', async () => {
    const history = new StartHistory(path.join(folder, 'starts.json'), silentLogger);
    await history.load();
    expect(history.summary('vm')).toEqual({
      last: undefined,
      medianMs: undefined,
      count: 0,
      firstBuild: undefined,
    });
  });

  it('takes the median of starts of the same sort as the last one', async () => {
    const history = new StartHistory(path.join(folder, 'deep', 'starts.json'), silentLogger);
    await history.add('vm', start(31_000, 'create', false));
    for (const ms of [900, 700, 800]) await history.add('vm', start(ms, 'resume'));
    const summary = history.summary('vm');
    expect(summary.last?.durationMs).toBe(800);
    expect(summary.medianMs).toBe(800);
    expect(summary.count).toBe(3);
    expect(summary.firstBuild?.durationMs).toBe(31_000);
    expect(history.expectedMs('vm', 'create')).toBe(31_000);
    expect(history.expectedMs('vm', 'start')).toBeUndefined();
  });

  it('keeps the last 50 of each kind, also over a reload', async () => {
    const file = path.join(folder, 'starts.json');
    const history = new StartHistory(file, silentLogger);
    for (let ms = 1; ms <= 53; ms++) await history.add('container', start(ms));
    const again = new StartHistory(file, silentLogger);
    await again.load();
    expect(again.records('container').map(({ durationMs }) => durationMs)).toEqual(
      Array.from({ length: 50 }, (_, index) => index + 4),
    );
  });

  it('keeps what another window wrote', async () => {
    const file = path.join(folder, 'starts.json');
    const one = new StartHistory(file, silentLogger);
    const other = new StartHistory(file, silentLogger);
    await one.add('container', start(1));
    await other.add('container', start(2));
    await one.add('container', start(3));
    const text = JSON.parse(await readFile(file, 'utf8')) as { container: StartRecord[] };
    expect(text.container.map(({ durationMs }) => durationMs)).toEqual([1, 2, 3]);
  });

  it('begins anew over a file that it cannot read, and drops records that are none', async () => {
    const file = path.join(folder, 'starts.json');
    await writeFile(file, '{"container": [');
    const history = new StartHistory(file, silentLogger);
    await history.load();
    expect(history.records('container')).toEqual([]);
    await writeFile(file, JSON.stringify({ container: [{ how: 'teleport' }, start(7)] }));
    await history.load();
    expect(history.records('container')).toEqual([start(7)]);
  });

  it('tells its listeners which kind changed', async () => {
    const history = new StartHistory(path.join(folder, 'starts.json'), silentLogger);
    const kinds: string[] = [];
    history.onDidChange((kind) => kinds.push(kind));
    await history.add('vm', start(1));
    expect(kinds).toEqual(['vm']);
  });
});

describe('median', () => {
  it('is the middle, the mean of the two in the middle, or nothing', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeUndefined();
  });
});
