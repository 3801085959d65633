import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Connection } from '../../../../src/connections/connection.ts';
import { setGuestClock, WaitingClock } from '../../../../src/environments/vm/guestClock.ts';
import { localConnection } from '../hooks/localConnection.ts';

const never = new AbortController().signal;

describe('a program that waits for the time', () => {
  let folder: string;
  let connection: Connection;
  let clock: WaitingClock;

  /** @param then what the program does that sets it, after it noted that */
  async function prepare(then: string): Promise<void> {
    const date = path.join(folder, 'date');
    await writeFile(date, `#!/bin/sh\necho "$@" >> ${folder}/set\n${then}\n`);
    await chmod(date, 0o755);
    const local = localConnection();
    connection = {
      ...local,
      exec: (request, signal) => local.exec({ ...request, env: { PATH: `${folder}:/usr/bin:/bin` } }, signal),
    };
  }

  /** @param slowness seconds that each setting takes */
  async function begin(slowness: string): Promise<void> {
    await prepare(`/bin/sleep ${slowness}`);
    clock = await WaitingClock.begin(connection, never);
  }

  /** As BusyBox's does. */
  const wholeSecondsOnly = 'case $3 in *.*) exit 1 ;; esac';

  const settings = async (): Promise<readonly string[]> =>
    (await readFile(path.join(folder, 'set'), 'utf8')).trimEnd().split('\n');

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-clock-'));
  });
  afterEach(async () => {
    clock.dispose();
    await rm(folder, { recursive: true });
  });

  it('sets it to what it is told then, as often as it is told', async () => {
    await begin('0');
    const before = Date.now() / 1000;
    await clock.set(never);
    await clock.set(never);
    const [first, second, ...more] = await settings();
    expect(more).toEqual([]);
    const told = [first, second].map((line) => Number(/^-u -s @(\d+\.\d{3})$/.exec(line ?? '')?.[1]));
    for (const at of told) {
      expect(at).toBeGreaterThanOrEqual(before - 0.001);
      expect(at).toBeLessThanOrEqual(Date.now() / 1000);
    }
  });

  it('sets it again where that took too long to be right', async () => {
    await begin('1.1');
    await clock.set(never);
    expect(await settings()).toHaveLength(3);
  });

  it('sets it to the whole second where its program knows no other', async () => {
    await prepare(wholeSecondsOnly);
    clock = await WaitingClock.begin(connection, never);
    await clock.set(never);
    await setGuestClock(connection, never);
    const set = await settings();
    expect(set.map((line) => line.replaceAll(/\d+/g, '0'))).toEqual([
      '-u -s @0.0',
      '-u -s @0',
      '-u -s @0.0',
      '-u -s @0',
    ]);
    expect(set[0]?.startsWith(`${set[1] ?? '?'}.`)).toBe(true);
  });

  it('says so when it is gone', async () => {
    await begin('0');
    clock.dispose();
    await expect(clock.set(never)).rejects.toThrow();
  });
});
