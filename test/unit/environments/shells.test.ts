import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import type { Connection, ExecRequest, RemoteProcess } from '../../../src/connections/connection.ts';
import { ShellReserve } from '../../../src/environments/shells.ts';
import { localConnection } from './hooks/localConnection.ts';

const size = { columns: 100, rows: 30 };
const never = new AbortController().signal;

describe('ShellReserve', () => {
  let folder: string;
  /** What was asked for, and what of it started. */
  let asked: ExecRequest[];
  let started: { request: ExecRequest; process: RemoteProcess }[];
  let reserve: ShellReserve;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-shells-'));
    asked = [];
    started = [];
  });
  afterEach(async () => {
    reserve.dispose();
    for (const { process } of started) process.dispose();
    await Promise.all(started.map(({ process }) => process.exit));
    await rm(folder, { recursive: true });
  });

  /** @param instead what runs in place of a shell that is to be held */
  function make(instead?: readonly string[]): ShellReserve {
    const local = localConnection();
    const connection: Connection = {
      ...local,
      exec: async (request, signal) => {
        asked.push(request);
        const held = request.argv.includes(folder);
        const process = await local.exec(held && instead ? { ...request, argv: instead } : request, signal);
        started.push({ request, process });
        return process;
      },
    };
    reserve = new ShellReserve(connection, folder, 200, silentLogger);
    return reserve;
  }

  async function say(shell: RemoteProcess, line: string): Promise<string> {
    let seen = '';
    shell.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    shell.stdin.end(`${line}\nexit\n`);
    await shell.exit;
    return seen;
  }

  it('opens the one that is held, with the terminal’s size and nothing of the wait to be seen', async () => {
    make().prepare();
    await expect.poll(() => started.length).toBe(1);
    const sizes: unknown[] = [];
    const [held] = started;
    if (held) held.process.resize = (to) => void sizes.push(to);
    const shell = await reserve.open(size, never);
    expect(shell).toBe(held?.process);
    expect(sizes).toEqual([size]);
    expect(await say(shell, 'pwd; echo $TERM')).toBe(`${folder}\nxterm-256color\n`);
  });

  it('gives a terminal its variables, also in one that was held before they were known', async () => {
    const variables = { ONE: "it's $HOME", TWO: "!perl -e 'print<S>' /tmp/a" };
    const print = 'printf "%s|%s\\n" "$ONE" "$TWO"';
    const expected = `${variables.ONE}|${variables.TWO}\n`;
    make().prepare();
    await expect.poll(() => started.length).toBe(1);
    const held = await reserve.open(size, never, variables);
    expect(held).toBe(started[0]?.process);
    expect(await say(held, print)).toBe(expected);
    reserve.dispose();
    const fresh = await make().open(size, never, variables);
    expect(await say(fresh, print)).toBe(expected);
  });

  it('holds the next one afterwards', async () => {
    make().prepare();
    const shell = await reserve.open(size, never);
    await expect.poll(() => started.length).toBe(2);
    expect(await reserve.open(size, never)).not.toBe(shell);
  });

  it('starts one where none is held', async () => {
    make();
    const shell = await reserve.open(size, never);
    expect(started[0]?.request).toMatchObject({ cwd: folder, tty: size });
    expect(await say(shell, 'echo here')).toBe('here\n');
  });

  it.each([
    ['is stale', ['sh', '-c', "printf '\\006'; read -r line; printf '\\025'"]],
    ['ended meanwhile', ['sh', '-c', "printf '\\006'"]],
    ['could not be held', ['sh', '-c', 'exit 3']],
  ])('starts another one where the one that is held %s', async (_why, instead) => {
    make(instead).prepare();
    await expect.poll(() => started.length).toBe(1);
    const shell = await reserve.open(size, never);
    expect(started).toHaveLength(2);
    expect(await say(shell, 'echo here')).toBe('here\n');
  });

  it('ends the input at once of one that is still being made when nobody needs it any more', async () => {
    make(['sh', '-c', 'read -r line']).prepare();
    await expect.poll(() => started.length).toBe(1);
    const [held] = started;
    if (!held) throw new Error('None was begun.');
    const write = vi.spyOn(held.process.stdin, 'write');
    reserve.dispose();
    // Whoever disposes may not live to do more than what is due now.
    await new Promise(setImmediate);
    expect(write).toHaveBeenCalledExactlyOnceWith('\u0004');
  });

  it('holds none while the guest is busy, also after one was opened', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    make().prepareAfter(promise);
    await reserve.open(size, never);
    vi.advanceTimersByTime(10_000);
    vi.useRealTimers();
    expect(asked).toHaveLength(1);
    resolve(undefined);
    await expect.poll(() => started.length).toBe(2);
  });

  it('ends the one that it holds', async () => {
    make().prepare();
    await expect.poll(() => started.length).toBe(1);
    reserve.dispose();
    await started[0]?.process.exit;
    reserve.prepare();
    expect(started).toHaveLength(1);
  });

  it('gives up where the start is cancelled, and leaves nothing', async () => {
    make(['sh', '-c', 'sleep 1000']).prepare();
    await expect.poll(() => started.length).toBe(1);
    const cancel = new AbortController();
    const opening = reserve.open(size, cancel.signal);
    cancel.abort();
    await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
    reserve.dispose();
    await started[0]?.process.exit;
  });
});
