import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../src/base/log.ts';
import { silentProgress } from '../../../../src/base/progress.ts';
import { EnvironmentHooks } from '../../../../src/environments/hooks/environmentHooks.ts';
import { FileHookMarkers, WindowHookMarkers } from '../../../../src/environments/hooks/markers.ts';
import { hookPlan } from '../../../../src/environments/hooks/plan.ts';
import type { HookRun } from '../../../../src/environments/hooks/run.ts';
import { localConnection } from './localConnection.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'switchyard-hooks-'));
});
afterEach(() => rm(folder, { recursive: true }));

const options = { progress: silentProgress, signal: new AbortController().signal };

function windowOf(): {
  hooks: EnvironmentHooks;
  steps: (string | undefined)[];
  run: (merged: object) => HookRun;
} {
  const steps: (string | undefined)[] = [];
  const hooks = new EnvironmentHooks({
    lockFile: path.join(folder, 'hooks.lock'),
    log: silentLogger,
    onStep: (step) => steps.push(step),
  });
  const markers = new WindowHookMarkers(new FileHookMarkers(path.join(folder, 'hooks.json'), silentLogger));
  const run = (merged: object): HookRun => ({
    connection: localConnection(),
    kind: 'container',
    plan: hookPlan(merged as Record<string, unknown>),
    markers,
    occasions: { create: 'c', start: 's', attach: 'a' },
    cwd: folder,
  });
  return { hooks, steps, run };
}

async function trace(): Promise<string[]> {
  return (await readFile(path.join(folder, 'trace'), 'utf8')).trim().split('\n');
}

describe('hooks of an environment', () => {
  it('are waited for up to waitFor, and the later ones run on', async () => {
    const { hooks, steps, run } = windowOf();
    const merged = {
      onCreateCommands: ['echo first >> trace; mkfifo gate'],
      // Ends only when the test lets it, so that it cannot have been waited for.
      postCreateCommands: ['cat gate >> trace'],
      postAttachCommands: ['echo last >> trace'],
    };
    const { problem, rest } = await hooks.run(run(merged), undefined, options);
    expect(problem).toBeUndefined();
    expect(await trace()).toEqual(['first']);
    const again = await hooks.run(run(merged), undefined, options);
    expect(again.rest).toBe(rest);
    await writeFile(path.join(folder, 'gate'), 'let through\n');
    expect(await rest).toBeUndefined();
    expect(await trace()).toEqual(['first', 'let through', 'last']);
    expect(steps).toEqual(['Running postCreateCommand', 'Running postAttachCommand', undefined]);
    expect(await hooks.run(run(merged), undefined, options)).toEqual({ problem: undefined, rest: undefined });
  });

  it('tell when all of the creation went well, before anything of the start and once', async () => {
    const { hooks, run } = windowOf();
    const whenCreated = (): Promise<void> => appendFile(path.join(folder, 'trace'), 'created\n');
    const merged = {
      postCreateCommands: ['echo create >> trace'],
      postStartCommands: ['echo start >> trace'],
    };
    const { rest } = await hooks.run({ ...run(merged), whenCreated }, undefined, options);
    expect(await rest).toBeUndefined();
    await hooks.run({ ...run(merged), whenCreated }, undefined, options);
    expect(await trace()).toEqual(['create', 'created', 'start']);
  });

  it('tell so where there are no hooks at all, and not where one failed', async () => {
    const { hooks, run } = windowOf();
    const whenCreated = (): Promise<void> => appendFile(path.join(folder, 'trace'), 'created\n');
    const failing = { ...run({ onCreateCommands: ['exit 3'] }), whenCreated };
    expect((await hooks.run(failing, undefined, options)).problem?.code).toBe('hook.failed');
    const anew = { ...run({}), occasions: { create: 'c2', start: 's2', attach: 'a2' }, whenCreated };
    expect(await (await hooks.run(anew, undefined, options)).rest).toBeUndefined();
    expect(await trace()).toEqual(['created']);
  });

  it('all are waited for where waitFor names the last', async () => {
    const { hooks, run } = windowOf();
    const merged = { postAttachCommands: ['echo last >> trace'] };
    expect((await hooks.run(run(merged), 'postAttachCommand', options)).rest).toBeUndefined();
    expect(await trace()).toEqual(['last']);
  });

  it('that fail behind an open terminal are told, and remembered', async () => {
    const { hooks, run } = windowOf();
    const merged = {
      postCreateCommands: ['echo why >&2; exit 3'],
      postStartCommands: ['echo never >> trace'],
    };
    const { rest } = await hooks.run(run(merged), undefined, options);
    expect((await rest)?.why).toContain('exited with 3: why');
    const again = await hooks.run(run(merged), undefined, options);
    expect(again.problem?.what).toBe('postCreateCommand failed.');
    expect(again.rest).toBeUndefined();
    await expect(trace()).rejects.toThrow('ENOENT');
  });

  it('that run on are ended, and stay due', async () => {
    const { hooks, run, steps } = windowOf();
    const merged = { postCreateCommands: ['echo began >> trace; exec sleep 600'] };
    const { rest } = await hooks.run(run(merged), undefined, options);
    await hooks.end();
    expect(await rest).toBeUndefined();
    expect(steps.at(-1)).toBeUndefined();
    const next = await hooks.run(run({ postCreateCommands: ['echo again >> trace'] }), undefined, options);
    await next.rest;
    expect((await trace()).at(-1)).toBe('again');
  });

  it('run in one of two windows, but each window attaches', async () => {
    const [one, other] = [windowOf(), windowOf()];
    const merged = {
      onCreateCommands: ['echo create >> trace'],
      postStartCommands: ['echo start >> trace'],
      postAttachCommands: ['echo attach >> trace'],
    };
    const [first, second] = await Promise.all([
      one.hooks.run(one.run(merged), undefined, options),
      other.hooks.run(other.run(merged), undefined, options),
    ]);
    await Promise.all([first.rest, second.rest]);
    expect((await trace()).toSorted()).toEqual(['attach', 'attach', 'create', 'start']);
  });
});
