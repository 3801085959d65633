import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExecaRunner } from '../../src/base/execaRunner.ts';
import { silentLogger } from '../../src/base/log.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { projectId, type Project } from '../../src/config/project.ts';
import { run } from '../../src/connections/run.ts';
import type { ContainerProvider } from '../../src/environments/container/containerProvider.ts';
import type { Environment, EnvironmentState } from '../../src/environments/environment.ts';
import { OwnDockerd } from './support/ownDockerd.ts';
import { containersOf } from './support/provider.ts';
import { Windows } from './support/windows.ts';

const never = new AbortController().signal;
const options = { progress: silentProgress, signal: never };

/** Each hook says in the workspace that it began, and after a while that it went to its end. */
const hook = (name: string): string => `echo ${name} >> hooks.log; sleep 1; echo ${name}! >> hooks.log`;
const config = {
  image: 'debian:bookworm',
  runArgs: ['--network=none'],
  onCreateCommand: hook('onCreate'),
  postCreateCommand: hook('postCreate'),
  postStartCommand: hook('postStart'),
};

describe('a container whose surroundings break', () => {
  let dockerd: OwnDockerd;
  let home: string;
  let project: Project;
  let runner: ExecaRunner;
  let provider: ContainerProvider;
  let environment: Environment;
  let windows: Windows;

  beforeAll(async () => {
    dockerd = await OwnDockerd.withImage('debian:bookworm');
  });
  afterAll(async () => {
    await dockerd.remove();
  });
  beforeEach(async () => {
    home = await realpath(await mkdtemp(path.join(tmpdir(), 'switchyard-chaos-')));
    const folder = path.join(home, 'project');
    const configFile = path.join(folder, '.devcontainer', 'devcontainer.json');
    await mkdir(path.dirname(configFile), { recursive: true });
    await writeFile(configFile, JSON.stringify(config));
    const storage = path.join(home, 'storage');
    await mkdir(storage);
    project = { id: projectId(folder), name: 'project', folder, configFile, storage };
    runner = new ExecaRunner(silentLogger);
    provider = containersOf(dockerd.host, runner);
    environment = provider.forProject(project);
    windows = new Windows('openContainer.ts', project, path.join(home, 'ledger'), dockerd.host);
  });
  afterEach(async () => {
    windows.end();
    await environment.destroy(options);
    provider.dispose();
    runner.dispose();
    expect(await containers()).toEqual([]);
    await rm(home, { recursive: true });
  });

  async function containers(): Promise<readonly string[]> {
    return (await dockerd.docker('ps', '--all', '--quiet', '--no-trunc'))
      .split('\n')
      .filter((id) => id !== '');
  }

  /** Opens it, waits for its hooks, and looks that one can work in it. */
  async function works(): Promise<string> {
    const { connection, hooks, problem, start } = await environment.open(options);
    expect([problem, await hooks]).toEqual([undefined, undefined]);
    const { code } = await run(connection, { argv: ['test', '-e', '.devcontainer'] }, never);
    expect(code).toBe(0);
    expect(environment.status.state).toBe('running');
    return start?.how ?? 'running';
  }

  /** What the engine says, as an environment's state. */
  async function truth(): Promise<EnvironmentState> {
    const [id] = await containers();
    if (id === undefined) return 'absent';
    const status = (await dockerd.docker('inspect', '--format', '{{.State.Status}}', id)).trim();
    if (status === 'paused') return 'suspended';
    return status === 'running' ? 'running' : 'stopped';
  }

  async function ran(): Promise<readonly string[]> {
    return (await readFile(path.join(project.folder, 'hooks.log'), 'utf8')).trim().split('\n');
  }

  /** The hooks that went to their end, in the order of their first time. */
  async function ended(): Promise<readonly string[]> {
    return [...new Set((await ran()).filter((line) => line.endsWith('!')))];
  }

  const allHooks = ['onCreate!', 'postCreate!', 'postStart!'];

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'shows that the engine is gone (%s), and works again when it is back',
    async (signal) => {
      expect(await works()).toBe('create');
      const [id] = await containers();
      await dockerd.kill(signal);
      const { state, problem } = await environment.refresh(never);
      expect({ state, code: problem?.code }).toEqual({ state: 'unavailable', code: 'docker.notRunning' });
      await expect(environment.open(options)).rejects.toMatchObject({ code: 'docker.notRunning' });
      await dockerd.start();
      expect(await works()).toBe('start');
      expect(await containers()).toEqual([id]);
      const hooks = ['onCreate', 'onCreate!', 'postCreate', 'postCreate!', 'postStart', 'postStart!'];
      expect(await ran()).toEqual([...hooks, 'postStart', 'postStart!']);
    },
  );

  it('is made anew after it was removed behind our back', async () => {
    await works();
    const [id = ''] = await containers();
    await dockerd.docker('rm', '--force', id);
    expect((await environment.refresh(never)).state).toBe('absent');
    expect(await works()).toBe('create');
    expect(await containers()).toHaveLength(1);
  });

  it('has no shell of a window that was closed', async () => {
    const shells = async (): Promise<number> => {
      const [id = ''] = await containers();
      return (await dockerd.docker('top', id, '-o', 'pid,args')).split('IFS= read -r').length - 1;
    };
    await windows.close('open', async () => {
      await expect.poll(shells, { timeout: 20_000 }).toBeGreaterThan(0);
    });
    await expect.poll(shells, { timeout: 20_000 }).toBe(0);
  });

  it('is right after the window was killed at each step of its creation', async () => {
    const steps = await windows.close('open');
    expect(steps).toEqual(expect.arrayContaining(['Starting the container', 'Running postStartCommand']));
    for (const step of steps) {
      await environment.destroy(options);
      await rm(path.join(project.folder, 'hooks.log'), { force: true });
      await windows.kill('open', step);
      const { state, problem } = await environment.refresh(never);
      expect(state).toBe(await truth());
      const how = await works();
      expect(how).toBe(step.startsWith('Running') ? 'running' : 'create');
      // What is made anew was shown as half made, and nothing else was.
      const isHalfMade = problem?.code === 'environment.interrupted';
      expect({ step, isHalfMade }).toEqual({ step, isHalfMade: how === 'create' && state !== 'absent' });
      expect(await containers()).toHaveLength(1);
      // Those under way are the engine's, and run twice.
      expect(await ended()).toEqual(allHooks);
    }
  });

  it('is right after the window was killed at each step of its start', async () => {
    await works();
    await environment.stop(options);
    const steps = await windows.close('open');
    expect(steps).toEqual(expect.arrayContaining(['Starting the container', 'Running postStartCommand']));
    const [id] = await containers();
    for (const step of steps) {
      await environment.stop(options);
      await windows.kill('open', step);
      expect((await environment.refresh(never)).state).toBe(await truth());
      expect(await works()).toMatch(/^(start|running)$/);
      expect(await containers()).toEqual([id]);
    }
    expect(await ended()).toEqual(allHooks);
  });

  it('is right after the window was killed at each step of a rebuild', async () => {
    await works();
    const steps = await windows.close('rebuild');
    expect(steps).toEqual(expect.arrayContaining(['Starting the container', 'Running postStartCommand']));
    for (const step of steps) {
      await windows.kill('rebuild', step);
      expect((await environment.refresh(never)).state).toBe(await truth());
      expect(await works()).toMatch(/^(create|running)$/);
      expect(await containers()).toHaveLength(1);
      expect(await ended()).toEqual(allHooks);
    }
  });

  it.each([
    ['suspend', 'Pausing the container', /^(resume|running)$/],
    ['stop', 'Stopping the container', /^(start|running)$/],
  ] as const)('is right after the window was killed when a switch left it (%s)', async (deed, step, how) => {
    await works();
    const [id] = await containers();
    await windows.kill(deed, step);
    expect((await environment.refresh(never)).state).toBe(await truth());
    expect(await works()).toMatch(how);
    expect(await containers()).toEqual([id]);
  });
});
