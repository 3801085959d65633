import { describe, expect, it } from 'vitest';
import { SwitchyardError } from '../../../../src/base/errors.ts';
import { readPorts } from '../../../../src/config/ports.ts';
import type { EnvironmentState } from '../../../../src/environments/environment.ts';
import type { StartRecord } from '../../../../src/metrics/startHistory.ts';
import { factRows, ignoredRow, isolationRows, startRow } from '../../../../src/ui/tree/factText.ts';
import { environmentRow, type Snapshot } from '../../../../src/ui/tree/rowText.ts';

const now = new Date(2026, 10, 21, 14, 40);

function snapshot(state: EnvironmentState, more: Partial<Snapshot> = {}): Snapshot {
  return {
    kind: 'container',
    active: false,
    status: { state, capabilities: new Set(), startedAt: undefined, problem: undefined, drifted: false },
    starts: { last: undefined, medianMs: undefined, count: 0, firstBuild: undefined },
    expectedMs: undefined,
    usage: undefined,
    details: undefined,
    sync: undefined,
    step: undefined,
    now,
    ...more,
  };
}

const resumed: StartRecord = { how: 'resume', durationMs: 870, warmCache: true, at: '' };

const running = snapshot('running', {
  status: {
    state: 'running',
    capabilities: new Set(['canStop']),
    startedAt: new Date(2026, 10, 21, 14, 2),
    problem: undefined,
    drifted: false,
  },
  starts: {
    last: { ...resumed, how: 'start', durationMs: 412 },
    medianMs: 431,
    count: 12,
    firstBuild: undefined,
  },
  usage: {
    cpuPercent: 2.2,
    cpus: 2,
    memoryBytes: 84 * 1024 ** 2,
    memoryLimitBytes: 4 * 1024 ** 3,
    diskBytes: 12 * 1024 ** 2,
    diskBaseBytes: 412 * 1024 ** 2,
  },
  details: {
    engineName: 'x',
    image: 'y',
    workspaceMode: 'mount',
    workspaceFolder: '/workspaces/api',
    isolation: {
      kernel: 'shared',
      kernelRelease: '6.18.44-x',
      rootIsHostRoot: true,
      acceleration: undefined,
    },
    ports: readPorts({}, true),
    ignored: [],
  },
});

describe('environmentRow', () => {
  it('says state, last start, CPU and memory of a running one', () => {
    expect(environmentRow(running).description).toBe('up · 0.4s · 2% · 84MB');
  });

  it('leaves out the figures that are not known', () => {
    expect(environmentRow(snapshot('running')).description).toBe('up');
  });

  it.each([
    ['absent', undefined, 'not created yet'],
    ['stopped', undefined, 'stopped'],
    ['stopped', 13_000, 'stopped · starts in 13s'],
    ['suspended', 870, 'suspended · wakes in 0.9s'],
    ['creating', undefined, 'creating…'],
    ['suspending', undefined, 'suspending…'],
    ['removing', undefined, 'removing…'],
  ] as const)('says what %s means (%s)', (state, expectedMs, description) => {
    expect(environmentRow(snapshot(state, { expectedMs })).description).toBe(description);
  });

  it('says what is left of one that was destroyed, and names it in a row', () => {
    const { status } = snapshot('absent');
    const left = snapshot('absent', { status: { ...status, keptVolumes: ['cache', 'modules'] } });
    expect(environmentRow(left).description).toBe('volumes kept');
    expect(factRows(left)).toEqual([
      { id: 'volumes', text: expect.objectContaining({ description: 'cache, modules' }) as unknown },
    ]);
    expect(factRows(snapshot('absent', { status: { ...status, keptVolumes: [] } }))).toEqual([]);
  });

  it('says the expected time whole where there is room', () => {
    expect(environmentRow(snapshot('suspended', { expectedMs: 870 })).tooltip).toContain(
      'suspended, wakes in about 0.9 s.',
    );
  });

  it('shows the step of an operation instead of the state', () => {
    expect(
      environmentRow(snapshot('stopped', { step: 'Building the image', expectedMs: 9 })).description,
    ).toBe('Building the image');
  });

  it('names what is wrong where it cannot be asked, and the whole of it in the tooltip', () => {
    const problem = new SwitchyardError({
      code: 'docker.notRunning',
      what: 'Docker does not answer.',
      why: 'Nothing listens on the socket.',
      next: 'Start it.',
    });
    const base = snapshot('unavailable');
    const text = environmentRow({ ...base, status: { ...base.status, problem } });
    expect(text.description).toBe('Docker does not answer');
    expect(text.tooltip).toContain('Start it.');
  });

  it('reads as a sentence, and says which one is active', () => {
    expect(environmentRow({ ...running, active: true }).tooltip).toBe(
      'Container of this project: running, started in 0.4 s, 2 % CPU, 84 MB memory. It is the active environment.',
    );
  });
});

describe('factRows', () => {
  it('names the other computer on which it is', () => {
    if (!running.details) throw new Error('It has no details.');
    const rows = factRows({ ...running, details: { ...running.details, host: 'me@far' } });
    expect(rows.find(({ id }) => id === 'host')?.text).toMatchObject({
      label: 'Host',
      description: 'me@far',
    });
    expect(factRows(running).map(({ id }) => id)).not.toContain('host');
  });

  it('lists what is known, in a fixed order', () => {
    expect(factRows(running).map(({ text }) => `${text.label}: ${text.description}`)).toEqual([
      'Start: 0.4s last · median 0.4s of 12',
      'Up: 38 min, since 14:02',
      'CPU: 2 % of 2',
      'Memory: 84 MB of 4 GB',
      'Disk: 12 MB + image 412 MB',
      'Workspace: mounted',
      "Kernel: the host's, 6.18.44",
      'Root: is root on the host',
    ]);
  });

  it('begins with what is wrong and what is to be done', () => {
    const problem = new SwitchyardError({
      code: 'hook.failed',
      what: 'postCreateCommand failed.',
      why: '',
      next: '',
    });
    const base = snapshot('running');
    const rows = factRows({ ...base, status: { ...base.status, problem, drifted: true } });
    expect(rows.map(({ id }) => id)).toEqual(['problem', 'drift']);
    expect(rows[0]?.text.description).toBe('postCreateCommand failed');
  });

  it('has a tooltip of whole sentences in each row', () => {
    for (const { text } of factRows(running)) expect(text.tooltip).toMatch(/\.$/);
  });
});

describe('startRow', () => {
  it('says nothing before the first start', () => {
    expect(startRow(snapshot('absent').starts)).toBeUndefined();
  });

  it('names the first build unless it is the last start', () => {
    const build: StartRecord = { how: 'create', durationMs: 31_000, warmCache: false, at: '' };
    expect(startRow({ last: build, medianMs: 31_000, count: 1, firstBuild: build })?.description).toBe(
      '31s last',
    );
    expect(startRow({ last: resumed, medianMs: 900, count: 4, firstBuild: build })?.description).toBe(
      '0.9s last · median 0.9s of 4',
    );
    const first = (last: StartRecord): string[] =>
      factRows({ ...snapshot('running'), starts: { last, medianMs: 900, count: 4, firstBuild: build } })
        .filter(({ id }) => id === 'first')
        .map(({ text }) => `${text.label}: ${text.description}`);
    expect(first(resumed)).toEqual(['First build: 31.0 s']);
    expect(first(build)).toEqual([]);
  });
});

describe('isolationRows', () => {
  it('tell an own kernel, who root is, and how the processors are made', () => {
    const rows = isolationRows({
      kernel: 'own',
      kernelRelease: '6.1.0-37-cloud-amd64',
      rootIsHostRoot: false,
      acceleration: { type: 'tcg', reason: 'The processor offers no virtualisation.' },
    });
    expect(rows.map(({ text }) => `${text.label}: ${text.description}`)).toEqual([
      'Kernel: its own, 6.1.0',
      'Root: is not root on the host',
      'Processor: emulated (TCG)',
    ]);
    expect(rows[0]?.text.tooltip).toContain('6.1.0-37-cloud-amd64');
    expect(rows[2]?.text.tooltip).toContain('The processor offers no virtualisation.');
  });

  it('say so where the kernel is not known yet', () => {
    const rows = isolationRows({
      kernel: 'own',
      kernelRelease: undefined,
      rootIsHostRoot: false,
      acceleration: undefined,
    });
    expect(rows.map(({ text }) => text.description)).toEqual(['its own', 'is not root on the host']);
  });
});

describe('ignoredRow', () => {
  const details = running.details;
  if (!details) throw new Error('the running snapshot has details');

  it('is not there without content', () => {
    expect(ignoredRow(details)).toBeUndefined();
  });

  it('lists what there is', () => {
    const ignored = ignoredRow({ ...details, ignored: [{ property: 'runArgs', reason: 'A VM has none.' }] });
    expect(ignored?.description).toBe('runArgs');
    expect(ignored?.tooltip).toBe('runArgs: A VM has none.');
  });
});
