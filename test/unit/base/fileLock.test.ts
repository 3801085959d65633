import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileLock } from '../../../src/base/fileLock.ts';
import { identify } from '../../../src/base/processLedger.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sy-lock-'));
  file = join(folder, 'state', 'lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const never = new AbortController().signal;

/** The number of a process that runs no more. */
async function deadPid(): Promise<number> {
  const child = spawn('true', { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('a lock', () => {
  it('is one taker’s at a time, and free after its release', async () => {
    expect(await FileLock.isTaken(file)).toBe(false);
    const first = await FileLock.take(file);
    expect(first).toBeDefined();
    expect(await FileLock.isTaken(file)).toBe(true);
    expect(await FileLock.take(file)).toBeUndefined();
    await first?.release();
    expect(await FileLock.isTaken(file)).toBe(false);
    const second = await FileLock.take(file);
    expect(second).toBeDefined();
    // No longer its own to release.
    await first?.release();
    first?.releaseNow();
    expect(await FileLock.take(file)).toBeUndefined();
    second?.releaseNow();
    expect(await readdir(join(folder, 'state'))).toEqual([]);
  });

  it('is taken by one of many who try at once', async () => {
    const takers = await Promise.all(Array.from({ length: 30 }, () => FileLock.take(file)));
    expect(takers.filter((lock) => lock !== undefined)).toHaveLength(1);
    expect(await readdir(join(folder, 'state'))).toEqual(['lock']);
  });

  it.each([
    ['of a process that is no more', async () => JSON.stringify([await deadPid(), '1', 'x'])],
    ['of an earlier process with this number', () => JSON.stringify([process.pid, '1', 'x'])],
    [
      'of one of which no more is known than that it ended',
      async () => JSON.stringify([await deadPid(), '', 'x']),
    ],
    ['that nobody wrote', () => 'null'],
    ['that is cut off', () => '[12'],
  ])('%s is taken away', async (_what, content) => {
    await (await FileLock.take(file))?.release();
    await writeFile(file, await content());
    const takers = await Promise.all(Array.from({ length: 100 }, () => FileLock.take(file)));
    expect(takers.filter((lock) => lock !== undefined)).toHaveLength(1);
    expect((JSON.parse(await readFile(file, 'utf8')) as unknown[]).slice(0, 2)).toEqual([
      process.pid,
      identify(process.pid)?.began ?? '',
    ]);
    expect(await readdir(join(folder, 'state'))).toEqual(['lock']);
  });

  it('of a living process stays', async () => {
    await (await FileLock.take(file))?.release();
    for (const began of [identify(process.ppid)?.began ?? '', '']) {
      const content = JSON.stringify([process.ppid, began, 'x']);
      await writeFile(file, content);
      expect(await FileLock.take(file)).toBeUndefined();
      expect(await readFile(file, 'utf8')).toBe(content);
    }
  });

  it('tells once that it has to be waited for, and says in the end that another has it', async () => {
    const lock = await FileLock.take(file);
    let waits = 0;
    const waiting = FileLock.acquire(file, never, 250, () => (waits += 1));
    await expect(waiting).rejects.toMatchObject({ code: 'environment.busy' });
    expect(waits).toBe(1);
    await lock?.release();
    await (await FileLock.acquire(file, never, 0)).release();
  });
});
