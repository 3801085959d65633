import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../src/base/log.ts';
import { silentProgress } from '../../../../src/base/progress.ts';
import { FileHookMarkers } from '../../../../src/environments/hooks/markers.ts';
import { hookPlan } from '../../../../src/environments/hooks/plan.ts';
import { runDueHooks, type HookRun } from '../../../../src/environments/hooks/run.ts';
import { localConnection } from './localConnection.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'switchyard-hooks-'));
});

afterEach(() => rm(folder, { recursive: true }));

function hookRun(merged: Record<string, unknown>, occasions: Partial<HookRun['occasions']> = {}): HookRun {
  return {
    connection: localConnection(),
    kind: 'vm',
    plan: hookPlan(merged),
    markers: new FileHookMarkers(path.join(folder, 'state', 'hooks.json'), silentLogger),
    occasions: { create: 'c1', start: 's1', attach: 'a1', ...occasions },
    cwd: folder,
  };
}

const signal = new AbortController().signal;

async function trace(): Promise<string[]> {
  return (await readFile(path.join(folder, 'trace'), 'utf8')).split('\n').filter((line) => line !== '');
}

const all = {
  postAttachCommands: ['echo attach >> trace'],
  postStartCommands: ['echo start >> trace'],
  postCreateCommands: ['echo feature >> trace', 'echo postCreate >> trace'],
  updateContentCommands: ['echo update >> trace'],
  onCreateCommands: ['echo onCreate >> trace'],
};

describe('runDueHooks', () => {
  it('runs them in the order of the spec, in the workspace folder', async () => {
    expect(await runDueHooks(hookRun(all), silentProgress, signal)).toBeUndefined();
    expect(await trace()).toEqual(['onCreate', 'update', 'feature', 'postCreate', 'start', 'attach']);
  });

  it('gives them the secrets, and shows none', async () => {
    const lines: string[] = [];
    const merged = { postCreateCommands: ['echo "$TOKEN" > trace; echo "it is $TOKEN"; exit 1'] };
    const problem = await runDueHooks(
      { ...hookRun(merged), secrets: () => Promise.resolve({ TOKEN: 's3cr3t' }) },
      { step: () => undefined, line: (line) => lines.push(line) },
      signal,
    );
    expect(await trace()).toEqual(['s3cr3t']);
    expect(lines).toEqual(['it is ********']);
    expect(problem?.detail).toBe('it is ********\n');
    expect(problem?.why).toContain('it is ********');
    expect(JSON.stringify(problem)).not.toContain('s3cr3t');
  });

  it('runs each once for its occasion', async () => {
    await runDueHooks(hookRun(all), silentProgress, signal);
    await runDueHooks(hookRun(all), silentProgress, signal);
    await runDueHooks(hookRun(all, { attach: 'a2' }), silentProgress, signal);
    await runDueHooks(hookRun(all, { attach: 'a3', start: 's2' }), silentProgress, signal);
    expect((await trace()).slice(6)).toEqual(['attach', 'start', 'attach']);
    await runDueHooks(hookRun(all, { create: 'c2', attach: 'a4', start: 's3' }), silentProgress, signal);
    expect((await trace()).slice(9)).toEqual([
      'onCreate',
      'update',
      'feature',
      'postCreate',
      'start',
      'attach',
    ]);
  });

  it('hands the words of a list over as they are written', async () => {
    const words = ['$(touch broken)', "it's", 'two words', ';', 'a\nb', '', '*'];
    const run = hookRun({
      onCreateCommands: [['/bin/sh', '-c', 'printf "%s|" "$@" > words', 'sh', ...words]],
    });
    await runDueHooks(run, silentProgress, signal);
    expect(await readFile(path.join(folder, 'words'), 'utf8')).toBe(`${words.join('|')}|`);
    await expect(access(path.join(folder, 'broken'))).rejects.toThrow();
  });

  it('runs the parts of an object at the same time', async () => {
    // Each waits for the other's pipe to be opened: one after the other they would never end.
    const run = hookRun({
      onCreateCommands: [
        'mkfifo left right',
        { one: 'echo 1 > left; cat right', two: 'cat left; echo 2 > right' },
      ],
    });
    expect(await runDueHooks(run, silentProgress, signal)).toBeUndefined();
  });

  it('lets all parts settle and tells the first that failed; what follows is skipped', async () => {
    const run = hookRun({
      onCreateCommands: [
        'mkfifo gate',
        { bad: 'cat gate; echo no such thing >&2; exit 7', good: 'echo > gate; echo done > good' },
      ],
      postCreateCommands: ['echo postCreate >> trace'],
    });
    const problem = await runDueHooks(run, silentProgress, signal);
    expect(problem?.code).toBe('hook.failed');
    expect(problem?.what).toBe('onCreateCommand (bad) failed.');
    expect(problem?.why).toContain('exited with 7: no such thing');
    expect(await readFile(path.join(folder, 'good'), 'utf8')).toBe('done\n');
    await expect(access(path.join(folder, 'trace'))).rejects.toThrow();
  });

  it('remembers a failure for as long as its occasion lasts, without running it again', async () => {
    const merged = {
      postCreateCommands: ['echo ran >> trace; exit 1'],
      postStartCommands: ['echo start >> trace'],
    };
    await runDueHooks(hookRun(merged), silentProgress, signal);
    const again = await runDueHooks(hookRun(merged), silentProgress, signal);
    expect(again?.what).toBe('postCreateCommand failed.');
    expect(await trace()).toEqual(['ran']);
    // As with the CLI, what another start is due for runs then.
    const started = await runDueHooks(hookRun(merged, { start: 's2' }), silentProgress, signal);
    expect(started?.what).toBe('postCreateCommand failed.');
    expect(await trace()).toEqual(['ran', 'start']);
    await runDueHooks(hookRun(merged, { create: 'c2' }), silentProgress, signal);
    expect(await trace()).toEqual(['ran', 'start', 'ran']);
  });

  it('kills a hook that is cancelled; it stays due', async () => {
    const cancel = new AbortController();
    const merged = { onCreateCommands: ['echo pid $$; exec sleep 600'] };
    let pid = 0;
    const running = runDueHooks(
      hookRun(merged),
      {
        step: () => undefined,
        line: (text) => {
          pid = Number(text.split(' ')[1]);
          cancel.abort();
        },
      },
      cancel.signal,
    );
    await expect(running).rejects.toThrow(/abort/i);
    expect(pid).toBeGreaterThan(0);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    const markers = await hookRun(merged).markers.read();
    expect(markers.size).toBe(0);
  });

  it('counts no hook as run where the markers cannot be read', async () => {
    await runDueHooks(hookRun(all), silentProgress, signal);
    await writeFile(path.join(folder, 'state', 'hooks.json'), '{');
    await runDueHooks(hookRun(all), silentProgress, signal);
    expect(await trace()).toHaveLength(12);
  });
});
