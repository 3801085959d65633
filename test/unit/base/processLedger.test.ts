import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExecaRunner } from '../../../src/base/execaRunner.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { identify, isOwnerGone, ownerTag, ProcessLedger } from '../../../src/base/processLedger.ts';

let folder: string;
let children: ChildProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sy-ledger-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** A process that would run for long, in a group of its own. */
function sleeper(): ChildProcess & { readonly pid: number } {
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  children.push(child);
  if (child.pid === undefined) throw new Error('sleep did not start.');
  return child as ChildProcess & { readonly pid: number };
}

/** Who a process was that runs no more. */
async function deadOwner(): Promise<unknown> {
  const child = sleeper();
  const identity = identify(child.pid);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  return identity;
}

const never = new AbortController().signal;

describe('what a dead process left running', () => {
  it('is ended', async () => {
    const child = sleeper();
    const ended = once(child, 'exit');
    const entry = { owner: await deadOwner(), child: identify(child.pid), describe: 'sleep' };
    await writeFile(join(folder, 'one.json'), JSON.stringify(entry));
    await new ProcessLedger(folder, silentLogger).endOrphans(never);
    expect((await ended)[1]).toBe('SIGTERM');
    expect(await readdir(folder)).toEqual([]);
  });

  it('is left alone while its owner lives', async () => {
    const child = sleeper();
    const ledger = new ProcessLedger(folder, silentLogger);
    const forget = ledger.add(child.pid, 'sleep');
    await ledger.endOrphans(never);
    expect(identify(child.pid)).toBeDefined();
    expect(await readdir(folder)).toHaveLength(1);
    forget();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is left alone where another process has its number now', async () => {
    const child = sleeper();
    const other = { pid: child.pid, began: '1' };
    await writeFile(
      join(folder, 'one.json'),
      JSON.stringify({ owner: await deadOwner(), child: other, describe: 'sleep' }),
    );
    await new ProcessLedger(folder, silentLogger).endOrphans(never);
    expect(identify(child.pid)).toBeDefined();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is nothing where the note was cut off, or nobody ever noted anything', async () => {
    await writeFile(join(folder, 'one.json'), '{"owner":');
    await new ProcessLedger(folder, silentLogger).endOrphans(never);
    expect(await readdir(folder)).toEqual([]);
    await new ProcessLedger(join(folder, 'none'), silentLogger).endOrphans(never);
  });
});

describe('an owner’s tag', () => {
  it('tells a living owner, a dead one, and one of another computer', async () => {
    const { pid, began } = (await deadOwner()) as { pid: number; began: string };
    expect(isOwnerGone(ownerTag())).toBe(false);
    expect(isOwnerGone(JSON.stringify([hostname(), pid, began]))).toBe(true);
    expect(isOwnerGone(JSON.stringify(['elsewhere', pid, began]))).toBe(false);
    expect(isOwnerGone('4711')).toBe(false);
  });
});

describe('a runner', () => {
  const sleep = {
    program: 'sh',
    args: ['-c', 'echo up; sleep 1000'],
    timeoutMs: 60_000,
    recorded: true,
    parse: (text: string): string => text,
  };

  it('notes what is recorded while it runs, and ends it when it is disposed', async () => {
    const runner = new ExecaRunner(silentLogger, {}, new ProcessLedger(folder, silentLogger));
    let noted: readonly string[] = [];
    const run = runner.run(sleep, {
      onLine: () => {
        void readdir(folder).then((names) => {
          noted = names;
          runner.dispose();
        });
      },
    });
    await expect(run).rejects.toThrow(/exit|signal|SIGTERM|spawn/);
    expect(noted).toHaveLength(1);
    expect(await readdir(folder)).toEqual([]);
    await expect(runner.run(sleep)).rejects.toThrow(/after the end/);
  });
});
