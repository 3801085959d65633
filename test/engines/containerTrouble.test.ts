import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { SwitchyardError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { DockerEngine } from '../../src/engines/docker.ts';
import type { Environment, EnvironmentStatus } from '../../src/environments/environment.ts';
import {
  collectProgress,
  makeProject,
  realProvider,
  shell,
  type TestProject,
} from './support/containerProject.ts';
import { never, realEngine } from './support/docker.ts';

const made: TestProject[] = [];
async function make(options: Parameters<typeof makeProject>[0]): Promise<TestProject> {
  const one = await makeProject(options);
  made.push(one);
  return one;
}
afterEach(async () => {
  for (const one of made.splice(0)) await one.remove();
});

const plain = { image: 'debian:bookworm' };
const quietly = (): { progress: ReturnType<typeof collectProgress>; signal: AbortSignal } => ({
  progress: collectProgress(),
  signal: never,
});

async function failureOf(promise: Promise<unknown>): Promise<SwitchyardError> {
  const error = await promise.then(
    () => new Error('It went well.'),
    (reason: unknown) => reason,
  );
  if (error instanceof SwitchyardError) return error;
  throw error;
}

/** Waits until the environment's status is as wanted. */
async function statusIs(
  environment: Environment,
  wanted: (status: EnvironmentStatus) => boolean,
): Promise<void> {
  const is = await pollUntil(() => Promise.resolve(wanted(environment.status) || undefined), {
    everyMs: 20,
    timeoutMs: 30_000,
    signal: never,
  });
  expect(is, JSON.stringify(environment.status)).toBe(true);
}

async function openFails(options: Parameters<typeof makeProject>[0]): Promise<SwitchyardError> {
  const { environment, inspect } = await make(options);
  const error = await failureOf(environment.open(quietly()));
  expect(await inspect()).toBeUndefined();
  return error;
}

/** Listens on a socket file of its own; `close` ends it with every connection and file. */
async function fakeEngine(
  onClient: (client: Socket) => void,
): Promise<{ socket: string; close: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'switchyard-socket-'));
  const socket = path.join(folder, 'docker.sock');
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => undefined);
    onClient(client);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const client of clients) client.destroy();
    await closed;
    await rm(folder, { recursive: true });
  };
  return { socket, close };
}

/** Ids of all containers, running or not, whose command holds a text. */
async function containersThatRun(text: string): Promise<string[]> {
  const all = await realEngine().ask('x', (docker) => docker.listContainers({ all: true }), {
    signal: never,
  });
  return all.filter(({ Command }) => Command.includes(text)).map(({ Id }) => Id);
}

describe('the engine', () => {
  function engineAt(endpoint: string, program = 'docker'): DockerEngine {
    return new DockerEngine({ endpoint, program }, silentLogger);
  }

  it('is not installed', async () => {
    const provider = realProvider({ engine: engineAt('unix:///nowhere/docker.sock', 'no-such-docker') });
    const { environment } = await make({ config: plain, provider });
    const error = await failureOf(environment.open(quietly()));
    expect(error).toMatchObject({ code: 'docker.missing' });
    expect(error.next).toContain('Install it');
    expect(await environment.refresh(never)).toMatchObject({
      state: 'unavailable',
      problem: { code: 'docker.missing' },
    });
    const [engine] = await provider.requirements(never);
    expect(engine).toMatchObject({ ok: false });
    await expect(provider.listOthers(never)).rejects.toMatchObject({ code: 'docker.missing' });
    provider.dispose();
  });

  it('does not run, and is found when it does', async () => {
    const listed = (client: Socket): void => {
      client.once('data', () =>
        client.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]'),
      );
    };
    const { socket, close } = await fakeEngine(listed);
    const elsewhere = `${socket}.moved`;
    await rename(socket, elsewhere);
    const provider = realProvider({ engine: engineAt(`unix://${socket}`) });
    const { environment } = await make({ config: plain, provider });
    expect(await environment.refresh(never)).toMatchObject({ problem: { code: 'docker.notRunning' } });
    await rename(elsewhere, socket);
    expect(await environment.refresh(never)).toMatchObject({ state: 'absent', problem: undefined });
    provider.dispose();
    await close();
  });

  it('is looked for anew after it could not be reached', async () => {
    const { socket, close } = await fakeEngine((client) => {
      client.once('data', () =>
        client.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]'),
      );
    });
    // What `docker context use` does: the context on the engine that runs, and a config that names it.
    const folder = path.dirname(socket);
    const id = createHash('sha256').update('spec').digest('hex');
    await mkdir(path.join(folder, 'contexts', 'meta', id), { recursive: true });
    const meta = path.join(folder, 'contexts', 'meta', id, 'meta.json');
    const use = (host: string): Promise<void> =>
      writeFile(meta, JSON.stringify({ Endpoints: { docker: { Host: host } } }));
    await use(`unix://${socket}.nowhere`);
    await writeFile(path.join(folder, 'config.json'), '{"currentContext":"spec"}');
    const engine = new DockerEngine(
      { program: 'docker', env: { DOCKER_CONFIG: folder, PATH: process.env['PATH'] } },
      silentLogger,
    );
    const list = (): Promise<unknown[]> =>
      engine.ask('No list.', (docker) => docker.listContainers(), { signal: never });
    expect(await failureOf(list())).toMatchObject({ code: 'docker.notRunning' });
    await use(`unix://${socket}`);
    expect(await list()).toEqual([]);
    await close();
  });

  it('may not be used', async () => {
    const { socket, close } = await fakeEngine(() => undefined);
    await chmod(socket, 0o600);
    await chmod(path.dirname(socket), 0o755);
    // Root may do anything, so another user asks.
    const asNobody = process.getuid?.() === 0;
    const engine = engineAt(`unix://${socket}`);
    if (asNobody) process.seteuid?.(65534);
    try {
      const error = await failureOf(engine.ask('No list.', (docker) => docker.info(), { signal: never }));
      expect(error).toMatchObject({ code: 'docker.permission' });
      expect(error.next).toContain('usermod -aG docker');
    } finally {
      if (asNobody) process.seteuid?.(0);
    }
    await close();
  });

  it('over SSH that nobody answers is told by what ssh said', async () => {
    // Port 1 of this computer: nothing listens there.
    const engine = engineAt('ssh://me@127.0.0.1:1');
    const error = await failureOf(engine.ask('No list.', (docker) => docker.info(), { signal: never }));
    expect(error).toMatchObject({ code: 'docker.notRunning' });
    expect(error.why).toMatch(/127\.0\.0\.1.*Connection refused/);
    engine.dispose();
  });

  it('tells what Check Requirements shows', async () => {
    const provider = realProvider();
    const found = await provider.requirements(never);
    expect(found.map(({ ok }) => ok)).toEqual([true, true]);
    expect(found[0]?.detail).toMatch(/^\d+\.\d+.* at unix:/);
    provider.dispose();
  });
});

describe('the config', () => {
  it('is missing', async () => {
    const { project, provider } = await make({ config: plain });
    const without = provider.forProject({ ...project, configFile: undefined });
    expect(await failureOf(without.open(quietly()))).toMatchObject({ code: 'config.missing' });
    without.dispose();
  });

  it('is broken JSON', async () => {
    const error = await openFails({ config: '{\n  "image": "debian:bookworm"\n  "name": 1\n}' });
    expect(error.code).toBe('config.syntax');
    expect(error.remedies[0]).toMatchObject({ do: 'openFile', line: 3, column: 3 });
  });

  it('has an unknown key', async () => {
    const error = await openFails({
      config: { ...plain, customizations: { switchyard: { vm: { memroy: '4gb' } } } },
    });
    expect(error).toMatchObject({ code: 'config.invalid' });
    expect(error.why).toContain('customizations.switchyard.vm.memroy');
  });

  it('names an image that cannot be fetched', async () => {
    const error = await openFails({ config: { image: 'switchyard.invalid/nothing:1' } });
    expect(error).toMatchObject({ code: 'image.unavailable' });
  });

  it('has a Dockerfile that fails', async () => {
    const error = await openFails({
      config: { build: { dockerfile: 'Dockerfile' } },
      dockerfile: 'FROM debian:bookworm\nRUN echo now it breaks; exit 4\n',
    });
    expect(error).toMatchObject({ code: 'image.buildFailed' });
    expect(error.why).toContain('now it breaks');
  });

  it('has a Dockerfile that fails, and no container of a step is left', async () => {
    const mark = `step-${randomUUID()}`;
    const error = await openFails({
      config: { build: { dockerfile: 'Dockerfile' } },
      dockerfile: `FROM debian:bookworm\nRUN echo ${mark}; exit 4\n`,
    });
    expect(error.why).toContain(mark);
    expect(await containersThatRun(mark)).toEqual([]);
  });

  it('has a Dockerfile for which the disk is too small', async () => {
    const error = await openFails({
      config: { build: { dockerfile: 'Dockerfile' } },
      // The kernel's own answer of a full disk, without filling one that others use.
      dockerfile: 'FROM debian:bookworm\nRUN head -c 4096 /dev/zero > /dev/full\n',
    });
    expect(error).toMatchObject({ code: 'disk.full' });
    expect(error.next).toContain('docker system prune');
  });

  it('asks for a device that is not there: the container that Docker made by then is gone', async () => {
    const error = await openFails({ config: { ...plain, runArgs: ['--device', '/dev/no-such-device'] } });
    expect(error).toMatchObject({ code: 'docker.failed' });
    expect(error.why).toContain('no-such-device');
  });

  it('asks Docker for something that it refuses', async () => {
    const error = await openFails({ config: { ...plain, runArgs: ['--no-such-option'] } });
    expect(error).toMatchObject({ code: 'docker.failed' });
    expect(error.why).toContain('no-such-option');
  });

  it('has a hook for the host that fails', async () => {
    const error = await openFails({ config: { ...plain, initializeCommand: 'exit 3' } });
    expect(error).toMatchObject({ code: 'hook.failed' });
  });
});

describe('a hook that fails', () => {
  it('keeps the container, marks it, and lets a terminal open', async () => {
    const config = {
      ...plain,
      onCreateCommand: 'echo first > first',
      postCreateCommand: 'echo the reason >&2; exit 6',
      postStartCommand: 'echo never > never',
    };
    const { environment } = await make({ config });
    const { connection, hooks } = await environment.open(quietly());
    const problem = await hooks;
    expect(problem).toMatchObject({ code: 'hook.failed', what: 'postCreateCommand failed.' });
    expect(problem?.why).toContain('the reason');
    await statusIs(
      environment,
      ({ state, problem: mark }) => state === 'running' && mark?.code === 'hook.failed',
    );
    expect(await shell(connection, 'ls')).toBe('first');
    const again = await environment.open(quietly());
    expect(again.problem).toMatchObject({ code: 'hook.failed' });
  });
});

describe('cancelling', () => {
  it.each([
    ['while it builds', 'Building the image'],
    ['while it starts', 'Starting the container'],
    ['in a hook that never ends', 'Running onCreateCommand'],
  ])('%s leaves nothing, and the next open works', async (_when, at) => {
    const mark = `step-${randomUUID()}`;
    const dockerfile = `FROM debian:bookworm\nRUN : ${mark}; sleep 1; echo built\n`;
    const config = {
      build: { dockerfile: 'Dockerfile' },
      onCreateCommand: '[ -e /workspaces/project/fine ] || sleep 10000',
    };
    const { environment, inspect, project } = await make({ config, dockerfile });
    const cancel = new AbortController();
    const progress = collectProgress((step) => {
      if (step === at) cancel.abort();
    });
    const error = await failureOf(environment.open({ progress, signal: cancel.signal }));
    expect(progress.steps).toContain(at);
    expect(error).toMatchObject({ code: 'cancelled' });
    expect(await inspect()).toBeUndefined();
    expect(await containersThatRun(mark)).toEqual([]);
    expect(environment.status.state).toBe('absent');
    await writeFile(path.join(project.folder, 'fine'), '');
    const opened = await environment.open(quietly());
    expect(opened.problem).toBeUndefined();
    expect(await shell(opened.connection, 'echo works')).toBe('works');
  });

  it('a stop ends a hook that runs on behind the terminal, and it stays due', async () => {
    const { environment, inspect } = await make({
      config: { ...plain, postCreateCommand: 'echo began >> began; [ $(wc -l < began) = 2 ] || sleep 10000' },
    });
    const opened = await environment.open(quietly());
    await statusIs(environment, ({ activity }) => activity === 'Running postCreateCommand');
    expect(await shell(opened.connection, 'echo works')).toBe('works');
    await environment.stop(quietly());
    expect(await opened.hooks).toBeUndefined();
    expect((await inspect())?.State.Running).toBe(false);
    const again = await environment.open(quietly());
    expect(await again.hooks).toBeUndefined();
    expect(await shell(again.connection, 'cat began')).toBe('began\nbegan');
    await statusIs(environment, ({ activity, problem }) => activity === undefined && problem === undefined);
  });

  it('before it begins changes nothing', async () => {
    const { environment, inspect } = await make({ config: plain });
    const error = await failureOf(
      environment.open({ progress: collectProgress(), signal: AbortSignal.abort() }),
    );
    expect(error).toMatchObject({ code: 'cancelled' });
    expect(await inspect()).toBeUndefined();
  });

  it('of a rebuild while it builds keeps the container', async () => {
    const { environment, inspect, project } = await make({
      config: { build: { dockerfile: 'Dockerfile' } },
      dockerfile: 'FROM debian:bookworm\nRUN echo one\n',
    });
    await environment.open(quietly());
    const before = (await inspect())?.Id;
    await mkdir(path.join(project.folder, '.devcontainer'), { recursive: true });
    await writeFile(
      path.join(project.folder, '.devcontainer', 'Dockerfile'),
      'FROM debian:bookworm\nRUN sleep 600\n',
    );
    const cancel = new AbortController();
    const progress = collectProgress((step) => {
      if (step === 'Building the image') cancel.abort();
    });
    expect(await failureOf(environment.rebuild({ progress, signal: cancel.signal }))).toMatchObject({
      code: 'cancelled',
    });
    expect((await inspect())?.Id).toBe(before);
    expect(environment.status.state).toBe('running');
  });
});

describe('an engine that does not answer', () => {
  it('is given up after a bounded time', async () => {
    const { socket, close } = await fakeEngine(() => undefined);
    const engine = new DockerEngine({ endpoint: `unix://${socket}`, program: 'docker' }, silentLogger);
    const asking = engine.ask(
      'No list.',
      (docker, signal) => docker.listContainers({ abortSignal: signal }),
      { signal: never, timeoutMs: 200 },
    );
    expect(await failureOf(asking)).toMatchObject({ code: 'timeout' });
    await close();
  });
});
