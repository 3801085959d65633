import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Emitter } from '../../../src/base/event.ts';
import type { EnvironmentKind, GuestKind } from '../../../src/base/kinds.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import type {
  Environment,
  EnvironmentState,
  EnvironmentStatus,
  OpenResult,
} from '../../../src/environments/environment.ts';
import { Switcher } from '../../../src/environments/switcher.ts';
import { StartHistory } from '../../../src/metrics/startHistory.ts';

const options = { progress: silentProgress, signal: new AbortController().signal };

/** Writes down what is asked of it, behind the port that both real kinds implement. */
class RecordingEnvironment implements Environment {
  readonly project = { id: 'p', name: 'p', folder: '/p', configFile: undefined, storage: '/s' };
  readonly #changed = new Emitter<EnvironmentStatus>();
  readonly onDidChangeStatus = this.#changed.event;
  state: EnvironmentState = 'stopped';
  failing: string | undefined;
  readonly kind: GuestKind;
  readonly calls: string[];

  constructor(kind: GuestKind, calls: string[]) {
    this.kind = kind;
    this.calls = calls;
  }

  get status(): EnvironmentStatus {
    return {
      state: this.state,
      capabilities: new Set(),
      startedAt: undefined,
      problem: undefined,
      drifted: false,
    };
  }

  #call(name: string): void {
    this.calls.push(`${this.kind}.${name}`);
    if (this.failing === name) throw new Error(`${name} failed`);
  }

  async refresh(): Promise<EnvironmentStatus> {
    return Promise.resolve(this.status);
  }

  async open(): Promise<OpenResult> {
    this.#call('open');
    const start = this.state === 'running' ? undefined : { how: 'start' as const, warmCache: true };
    this.state = 'running';
    return Promise.resolve({
      connection: {} as OpenResult['connection'],
      shell: () => Promise.reject(new Error('not used')),
      start,
      workspaceFolder: '/workspaces/p',
      problem: undefined,
    });
  }

  async rebuild(): Promise<OpenResult> {
    this.#call('rebuild');
    return Promise.resolve({
      connection: {} as OpenResult['connection'],
      shell: () => Promise.reject(new Error('not used')),
      start: { how: 'create', warmCache: false },
      workspaceFolder: '/workspaces/p',
      problem: undefined,
    });
  }

  async syncNow(): Promise<undefined> {
    this.#call('syncNow');
    return Promise.resolve(undefined);
  }

  async stop(): Promise<void> {
    this.#call('stop');
    this.state = 'stopped';
    return Promise.resolve();
  }

  async suspend(): Promise<void> {
    this.#call('suspend');
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    this.#call('destroy');
    return Promise.resolve();
  }

  async leave(): Promise<void> {
    this.#call('leave');
    return Promise.resolve();
  }

  connect(): never {
    throw new Error('not asked here');
  }

  details(): never {
    throw new Error('not asked here');
  }

  async usage(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  dispose(): void {
    this.#changed.dispose();
  }
}

let folder: string;
let calls: string[];
let container: RecordingEnvironment;
let vm: RecordingEnvironment;
let history: StartHistory;
let switcher: Switcher;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'switchyard-switcher-'));
  calls = [];
  container = new RecordingEnvironment('container', calls);
  vm = new RecordingEnvironment('vm', calls);
  history = new StartHistory(path.join(folder, 'starts.json'), silentLogger);
  let active: EnvironmentKind | undefined;
  switcher = new Switcher({
    environments: new Map<GuestKind, Environment>([
      ['container', container],
      ['vm', vm],
    ]),
    store: {
      get: () => active,
      set: async (kind) => {
        active = kind;
        return Promise.resolve();
      },
    },
    history,
    log: silentLogger,
  });
});

afterEach(async () => {
  switcher.dispose();
  await rm(folder, { recursive: true });
});

describe('Switcher', () => {
  it('begins on the host', () => {
    expect(switcher.active).toBe('host');
    expect(switcher.toggleTarget('container')).toBe('container');
    expect(switcher.toggleTarget('vm')).toBe('vm');
    expect(switcher.toggleTarget('host')).toBe('container');
  });

  it('brings the work to the host before the next environment opens, and leaves last', async () => {
    await switcher.switchTo('vm', options);
    calls.length = 0;
    await switcher.switchTo('container', options);
    await switcher.settled();
    expect(calls).toEqual(['vm.syncNow', 'container.open', 'vm.leave']);
    expect(switcher.active).toBe('container');
    expect(switcher.toggleTarget('container')).toBe('vm');
  });

  it('does not ask an environment for its changes that no longer runs', async () => {
    await switcher.switchTo('vm', options);
    vm.state = 'absent';
    calls.length = 0;
    await switcher.switchTo('host', options);
    await switcher.settled();
    expect(calls).toEqual(['vm.leave']);
  });

  it('stays where it is when the target does not open', async () => {
    await switcher.switchTo('vm', options);
    container.failing = 'open';
    await expect(switcher.switchTo('container', options)).rejects.toThrow('open failed');
    expect(switcher.active).toBe('vm');
    expect(calls).not.toContain('vm.leave');
  });

  it('stays where it is when the work cannot be brought to the host', async () => {
    await switcher.switchTo('vm', options);
    vm.failing = 'syncNow';
    await expect(switcher.switchTo('container', options)).rejects.toThrow('syncNow failed');
    expect(switcher.active).toBe('vm');
    expect(calls).not.toContain('container.open');
  });

  it('switches although the one left cannot be left as configured', async () => {
    await switcher.switchTo('vm', options);
    vm.failing = 'leave';
    await switcher.switchTo('container', options);
    await switcher.settled();
    expect(switcher.active).toBe('container');
  });

  it('names what was left to who leaves it later, and leaves it then', async () => {
    vm.state = 'running';
    await switcher.setActive('vm');
    const left: GuestKind[] = [];
    await switcher.switchTo('container', options, (kind) => left.push(kind));
    await switcher.settled();
    expect(left).toEqual(['vm']);
    expect(calls).toEqual(['vm.syncNow', 'container.open']);
    switcher.leave('vm');
    await switcher.settled();
    expect(calls.at(-1)).toBe('vm.leave');
  });

  it('opening the active one again leaves nothing', async () => {
    await switcher.switchTo('vm', options);
    calls.length = 0;
    await switcher.switchTo('vm', options);
    await switcher.settled();
    expect(calls).toEqual(['vm.open']);
  });

  it('keeps the time of a start, and none where it was running already', async () => {
    await switcher.switchTo('vm', options);
    await switcher.switchTo('vm', options);
    expect(history.records('vm')).toHaveLength(1);
    expect(history.records('vm')[0]?.durationMs).toBeGreaterThan(0);
    await switcher.rebuild('vm', options);
    expect(history.summary('vm').last).toMatchObject({ how: 'create', warmCache: false });
  });

  it('destroying the active one brings its work out first and goes back to the host', async () => {
    await switcher.switchTo('vm', options);
    calls.length = 0;
    await switcher.destroy('vm', options);
    expect(calls).toEqual(['vm.syncNow', 'vm.destroy']);
    expect(switcher.active).toBe('host');
  });

  it('destroys nothing whose work cannot be brought out, unless it is given up', async () => {
    await switcher.switchTo('vm', options);
    vm.failing = 'syncNow';
    await expect(switcher.destroy('vm', options)).rejects.toThrow('syncNow failed');
    expect(calls).not.toContain('vm.destroy');
    await switcher.destroy('vm', options, { abandon: true });
    expect(calls).toContain('vm.destroy');
  });

  it('tells who listens which environment became active, once', async () => {
    const kinds: EnvironmentKind[] = [];
    switcher.onDidChangeActive((kind) => kinds.push(kind));
    await switcher.switchTo('vm', options);
    await switcher.switchTo('vm', options);
    await switcher.switchTo('host', options);
    expect(kinds).toEqual(['vm', 'host']);
  });
});
