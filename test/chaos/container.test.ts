import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExecaRunner } from '../../src/base/execaRunner.ts';
import { silentLogger } from '../../src/base/log.ts';
import { ProcessLedger } from '../../src/base/processLedger.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { projectId, type Project } from '../../src/config/project.ts';
import { run } from '../../src/connections/run.ts';
import type { ContainerProvider } from '../../src/environments/container/containerProvider.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { OwnDockerd } from './support/ownDockerd.ts';
import { containersOf } from './support/provider.ts';

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
  });
  afterEach(async () => {
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

  async function ran(): Promise<readonly string[]> {
    return (await readFile(path.join(project.folder, 'hooks.log'), 'utf8')).trim().split('\n');
  }

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
    const script = path.join(import.meta.dirname, 'support', 'openContainer.ts');
    const args = [script, JSON.stringify(project), dockerd.host, path.join(home, 'ledger')];
    const editor = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const over = once(editor, 'exit');
    const shells = async (): Promise<number> => {
      const [id = ''] = await containers();
      return (await dockerd.docker('top', id, '-o', 'pid,args')).split('IFS= read -r').length - 1;
    };
    for await (const line of createInterface({ input: editor.stdout })) {
      if (line !== 'over') continue;
      await expect.poll(shells, { timeout: 20_000 }).toBeGreaterThan(0);
      editor.stdin.end('close\n');
    }
    await over;
    await expect.poll(shells, { timeout: 20_000 }).toBe(0);
  });

  it.each([
    ['Starting the container', 'create'],
    ['Running onCreateCommand', 'running'],
    ['Running postCreateCommand', 'running'],
    ['Running postStartCommand', 'running'],
  ])('is right after the editor was killed at "%s"', async (step, how) => {
    const ledger = path.join(home, 'ledger');
    const script = path.join(import.meta.dirname, 'support', 'openContainer.ts');
    const editor = spawn(process.execPath, [script, JSON.stringify(project), dockerd.host, ledger], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const over = once(editor, 'exit');
    const said: string[] = [];
    for await (const line of createInterface({ input: editor.stdout })) {
      said.push(line);
      if (line === step) editor.kill('SIGKILL');
    }
    await over;
    expect(said.at(-1)).toBe(step);
    // The next window's first act.
    await new ProcessLedger(ledger, silentLogger).endOrphans(never);
    expect(await works()).toBe(how);
    expect(await containers()).toHaveLength(1);
    // All went to their end in their order; the one that was under way is the engine's, and ran twice.
    const ended = new Set((await ran()).filter((line) => line.endsWith('!')));
    expect([...ended]).toEqual(['onCreate!', 'postCreate!', 'postStart!']);
  });
});
