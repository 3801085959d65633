import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentProgress } from '../../../src/base/progress.ts';
import type { EnvironmentState } from '../../../src/environments/environment.ts';
import { Lifecycle } from '../../../src/environments/lifecycle.ts';

const options = { progress: silentProgress, signal: new AbortController().signal };

describe('Lifecycle', () => {
  let folder: string;
  /** What the engine says. */
  let engine: EnvironmentState | Error;
  let looks: number;
  let lifecycle: Lifecycle;
  let told: EnvironmentState[];
  /** How long each look takes to tell what it saw when it began. */
  let held: PromiseWithResolvers<undefined>[];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-lifecycle-'));
    engine = 'stopped';
    looks = 0;
    told = [];
    held = [];
    lifecycle = make();
    lifecycle.onDidChangeStatus(({ state }) => told.push(state));
  });
  afterEach(async () => {
    lifecycle.dispose();
    await rm(folder, { recursive: true });
  });

  function make(): Lifecycle {
    const made: Lifecycle = new Lifecycle({
      kind: 'vm',
      lockFile: path.join(folder, 'lock'),
      look: async () => {
        looks += 1;
        const seen = engine;
        await held.shift()?.promise;
        if (seen instanceof Error) throw seen;
        made.found(seen);
      },
      cannotLook: () => 'It cannot be asked.',
      elsewhere: () => 'Somebody else works on it.',
    });
    return made;
  }

  it('is what the operation does while it is under way, and then what the engine says', async () => {
    await lifecycle.operate('It failed.', options, async ({ signal }) => {
      lifecycle.begin('starting');
      engine = 'running';
      // An event of the engine in the middle of it.
      await lifecycle.refresh(signal);
      expect(lifecycle.status.state).toBe('starting');
      expect(lifecycle.status.capabilities.size).toBe(0);
    });
    expect(told).toEqual(['starting', 'running']);
    expect(lifecycle.status.capabilities).toContain('canConnect');
  });

  it('asks the engine also where the operation failed, and keeps its own words', async () => {
    const failed = lifecycle.operate('It could not be started.', options, () => {
      lifecycle.begin('starting');
      return Promise.reject(new Error('no room'));
    });
    await expect(failed).rejects.toMatchObject({ what: 'It could not be started.', why: 'no room.' });
    expect(lifecycle.status.state).toBe('stopped');
  });

  it('says that it was cancelled, whatever the work calls its end', async () => {
    const cancel = new AbortController();
    const cancelled = lifecycle.operate('It was to start.', { ...options, signal: cancel.signal }, () => {
      cancel.abort();
      return Promise.reject(new Error('the build ended early'));
    });
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled', what: 'It was to start.' });
  });

  it('asks nothing where an operation changed nothing', async () => {
    await lifecycle.operate('It failed.', options, () => Promise.resolve());
    expect(looks).toBe(0);
  });

  it('tells why the engine cannot be asked', async () => {
    engine = new Error('nobody listens');
    const { state, problem } = await lifecycle.refresh(options.signal);
    expect({ state, what: problem?.what }).toEqual({ state: 'unavailable', what: 'It cannot be asked.' });
  });

  it('is what the engine said last, also where it was slow to say something before', async () => {
    const slow = Promise.withResolvers<undefined>();
    held = [slow];
    const first = lifecycle.refresh(options.signal);
    engine = 'absent';
    const later = [lifecycle.refresh(options.signal), lifecycle.refresh(options.signal)];
    slow.resolve(undefined);
    await first;
    for (const one of later) expect((await one).state).toBe('absent');
    expect(told).toEqual(['stopped', 'absent']);
    // Two asked while the first went on, and one look was enough for both.
    expect(looks).toBe(2);
  });

  it('waits for a slow engine no longer than whoever asks', async () => {
    const slow = Promise.withResolvers<undefined>();
    held = [slow];
    const impatient = new AbortController();
    const asked = lifecycle.refresh(impatient.signal);
    impatient.abort();
    expect((await asked).state).toBe('unknown');
    slow.resolve(undefined);
    await expect.poll(() => lifecycle.status.state).toBe('stopped');
  });

  it('tells nobody twice what is the same', async () => {
    await lifecycle.refresh(options.signal);
    await lifecycle.refresh(options.signal);
    expect(told).toEqual(['stopped']);
  });

  it('shows what runs on behind it until that is over, and not over an operation', async () => {
    engine = 'running';
    await lifecycle.refresh(options.signal);
    lifecycle.setActivity('Running postCreateCommand');
    expect(lifecycle.status.activity).toBe('Running postCreateCommand');
    await lifecycle.refresh(options.signal);
    expect(lifecycle.status.activity).toBe('Running postCreateCommand');
    await lifecycle.operate('It failed.', options, () => {
      lifecycle.begin('stopping');
      lifecycle.setActivity('Running postStartCommand');
      expect(lifecycle.status).toMatchObject({ state: 'stopping', activity: undefined });
      return Promise.resolve();
    });
    expect(lifecycle.status).toMatchObject({ state: 'running', activity: 'Running postStartCommand' });
    lifecycle.setActivity(undefined);
    await expect.poll(() => lifecycle.status.activity).toBeUndefined();
  });

  it('lets one window at a time change it, and tells the other one why it waits', async () => {
    const window = make();
    const lines: string[] = [];
    let leave!: () => void;
    const mine = lifecycle.locked(options, () => new Promise<void>((resolve) => (leave = resolve)));
    await expect.poll(() => leave).toBeTypeOf('function');
    let entered = false;
    const theirs = window.locked(
      { ...options, progress: { step: () => undefined, line: (text) => void lines.push(text) } },
      () => {
        entered = true;
        return Promise.resolve();
      },
    );
    await expect.poll(() => lines).toEqual(['Somebody else works on it.']);
    expect(entered).toBe(false);
    leave();
    await Promise.all([mine, theirs]);
    expect(entered).toBe(true);
    window.dispose();
  });

  it('says of a half-made one that it is, unless somebody is at it', async () => {
    expect(await lifecycle.halfMade()).toMatchObject({
      code: 'environment.interrupted',
      remedies: [
        { do: 'open', kind: 'vm' },
        { do: 'destroy', kind: 'vm' },
      ],
    });
    await lifecycle.locked(options, async () => {
      expect(await lifecycle.halfMade()).toBeUndefined();
    });
  });
});
