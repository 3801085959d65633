import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Project } from '../../src/config/project.ts';
import type { Environment, EnvironmentState } from '../../src/environments/environment.ts';
import type { VmProvider } from '../../src/environments/vm/vmProvider.ts';
import { never } from '../engines/support/docker.ts';
import { output, Steps, traces, virsh, vmLab, type VmLab } from '../engines/support/vm.ts';
import { killLibvirtd, startLibvirtd } from './support/libvirtd.ts';
import { Windows } from './support/windows.ts';

const minutes = 60_000;
const options = { progress: new Steps(), signal: never };

/** Each hook says in the machine that it began, and after a while that it went to its end. */
const hook = (name: string): string => `echo ${name} >> ~/hooks.log; sleep 1; echo ${name}! >> ~/hooks.log`;
const config = {
  build: { dockerfile: 'Dockerfile' },
  onCreateCommand: hook('onCreate'),
  postCreateCommand: hook('postCreate'),
  postStartCommand: hook('postStart'),
  customizations: { switchyard: { vm: { cpus: 1, memory: '512mb', disk: '4gb' } } },
};

describe('a VM whose surroundings break', () => {
  let lab: VmLab;
  let project: Project;
  let domain: string;
  let windows: Windows;
  let provider: VmProvider;
  let environment: Environment;
  let isWatched: { dispose(): void };

  beforeAll(async () => {
    lab = await vmLab();
  });
  afterAll(async () => {
    await lab.end();
  });
  beforeEach(async () => {
    project = await lab.project('chaos', config);
    domain = `switchyard-${project.id}-vm`;
    await edit('0');
    windows = new Windows(
      'openMachine.ts',
      project,
      path.join(lab.folder, 'ledger'),
      path.join(lab.folder, 'storage'),
    );
    anew();
  });
  afterEach(async () => {
    windows.end();
    await environment.destroy(options);
    isWatched.dispose();
    provider.dispose();
    expect(await traces(project.id)).toEqual([]);
  }, 5 * minutes);

  /** The next window. */
  function anew(): void {
    provider = lab.other({});
    environment = provider.forProject(project);
    isWatched = provider.watch();
    // As the window's store does.
    provider.onDidChange(() => void environment.refresh(never));
  }

  /** A window is killed at a step, and the next one begins. */
  async function kill(...deed: Parameters<Windows['kill']>): Promise<void> {
    isWatched.dispose();
    provider.dispose();
    await windows.kill(...deed);
    anew();
  }

  async function edit(version: string): Promise<void> {
    const dockerfile = `FROM debian:bookworm\nRUN echo ${version} > /etc/version\n`;
    await writeFile(path.join(project.folder, '.devcontainer', 'Dockerfile'), dockerfile);
  }

  /** What libvirt says, as an environment's state. */
  async function truth(): Promise<EnvironmentState> {
    const domains = (await virsh('list', '--all', '--name')).split('\n');
    if (!domains.includes(domain)) return 'absent';
    if ((await virsh('domstate', domain)).trim() === 'running') return 'running';
    return /Managed save:\s+yes/.test(await virsh('dominfo', domain)) ? 'suspended' : 'stopped';
  }

  /** Opens it, waits for its hooks, and looks that one can work in it. */
  async function works(): Promise<string> {
    const { connection, hooks, problem, start, workspaceFolder } = await environment.open(options);
    expect([problem, await hooks]).toEqual([undefined, undefined]);
    const there = path.join(workspaceFolder, '.devcontainer', 'devcontainer.json');
    expect(JSON.parse(await output(connection, ['cat', there]))).toEqual(config);
    expect(environment.status.state).toBe('running');
    const ours = (await traces(project.id)).filter((line) => /^(domain|volume)/.test(line));
    expect(ours.map((line) => line.split(' ')[0])).toEqual(['domain', 'volume']);
    return start?.how ?? 'running';
  }

  /** The hooks that went to their end, in the order of their first time. */
  async function ran(): Promise<readonly string[]> {
    const log = await output(await environment.connect(never), ['sh', '-c', 'cat ~/hooks.log']);
    return [...new Set(log.split('\n').filter((line) => line.endsWith('!')))];
  }

  const allHooks = ['onCreate!', 'postCreate!', 'postStart!'];

  it(
    'shows that libvirt is gone, and works again when it is back',
    async () => {
      expect(await works()).toBe('create');
      const connection = await environment.connect(never);
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        await killLibvirtd(signal);
        try {
          const { state, problem } = await environment.refresh(never);
          const shown = { state, code: problem?.code };
          expect(shown).toEqual({ state: 'unavailable', code: 'libvirt.notRunning' });
          await expect(environment.stop(options)).rejects.toMatchObject({ code: 'libvirt.notRunning' });
          // Who is in the machine stays there.
          expect(await output(connection, ['cat', '/etc/version'])).toBe('0');
        } finally {
          await startLibvirtd();
        }
        // Nobody asks: it is noticed.
        await expect.poll(() => environment.status.state, { timeout: 20_000 }).toBe('running');
        expect(await works()).toBe('running');
        expect(await environment.connect(never)).toBe(connection);
      }
    },
    5 * minutes,
  );

  it(
    'shows within a second what was done behind our back, and works again',
    async () => {
      expect(await works()).toBe('create');
      await virsh('destroy', domain);
      await expect.poll(() => environment.status.state, { timeout: 1_000 }).toBe('stopped');
      expect(await works()).toBe('start');
      await virsh('managedsave', domain);
      await expect.poll(() => environment.status.state, { timeout: 1_000 }).toBe('suspended');
      expect(await works()).toBe('resume');
      await virsh('destroy', domain);
      await virsh('undefine', domain);
      await expect.poll(() => environment.status.state, { timeout: 1_000 }).toBe('absent');
      expect(await works()).toBe('create');
      expect(await ran()).toEqual(allHooks);
    },
    8 * minutes,
  );

  it(
    'is right after the window was killed at each step of its creation',
    async () => {
      const steps = await windows.close('open');
      expect(steps).toEqual(expect.arrayContaining(['Building the image', 'Running postStartCommand']));
      for (const step of steps) {
        await environment.destroy(options);
        await kill('open', step);
        const { state, problem } = await environment.refresh(never);
        expect(state).toBe(await truth());
        const how = await works();
        expect(how).toMatch(/^(create|running)$/);
        // What is made anew was shown as half made, and nothing else was.
        const isHalfMade = problem?.code === 'environment.interrupted';
        expect({ step, isHalfMade }).toEqual({ step, isHalfMade: how === 'create' && state !== 'absent' });
        expect(environment.status.problem).toBeUndefined();
        expect(await ran()).toEqual(allHooks);
      }
    },
    25 * minutes,
  );

  it(
    'is right after the window was killed at each step of its start',
    async () => {
      await works();
      await environment.stop(options);
      const steps = await windows.close('open');
      expect(steps).toEqual(
        expect.arrayContaining(['Starting the virtual machine', 'Running postStartCommand']),
      );
      for (const step of steps) {
        await environment.stop(options);
        await kill('open', step);
        expect((await environment.refresh(never)).state).toBe(await truth());
        expect(await works()).toMatch(/start|running/);
        expect(await ran()).toEqual(allHooks);
      }
    },
    8 * minutes,
  );

  it(
    'is right after the window was killed at each step of a rebuild',
    async () => {
      await works();
      await edit('1');
      const steps = await windows.close('rebuild');
      expect(steps).toEqual(expect.arrayContaining(['Building the image', 'Running postStartCommand']));
      let version = 1;
      for (const step of steps) {
        version += 1;
        await edit(String(version));
        await kill('rebuild', step);
        expect((await environment.refresh(never)).state).toBe(await truth());
        expect(await works()).toMatch(/^(create|start|running)$/);
        const has = Number(await output(await environment.connect(never), ['cat', '/etc/version']));
        // The one or the other, and whole.
        expect([version - 1, version]).toContain(has);
        expect(await ran()).toEqual(allHooks);
        if (has === version) continue;
        await (
          await environment.rebuild(options)
        ).hooks;
        expect(await output(await environment.connect(never), ['cat', '/etc/version'])).toBe(String(version));
      }
    },
    25 * minutes,
  );

  it.each([
    ['suspend', 'Suspending the virtual machine', /^(resume|start|running)$/],
    ['stop', 'Stopping the virtual machine', /^(start|running)$/],
  ] as const)(
    'is right after the window was killed when a switch left it (%s)',
    async (deed, step, how) => {
      await works();
      await kill(deed, step);
      expect((await environment.refresh(never)).state).toBe(await truth());
      expect(await works()).toMatch(how);
      expect(await ran()).toEqual(allHooks);
    },
    5 * minutes,
  );
});
