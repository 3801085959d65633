import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  endpointEnv,
  findDockerEndpoint,
  isElsewhere,
  listDockerEndpoints,
  socketsOf,
} from '../../../src/engines/dockerEndpoint.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'switchyard-endpoint-'));
});
afterEach(() => rm(home, { recursive: true }));

function find(
  env: Record<string, string>,
  present: string[] = ['/var/run/docker.sock'],
  preferred?: string,
): ReturnType<typeof findDockerEndpoint> {
  return findDockerEndpoint({
    env,
    home,
    platform: 'linux',
    exists: (file) => Promise.resolve(present.includes(file)),
    ...(preferred === undefined ? {} : { preferred }),
  });
}

async function context(name: string, host: string): Promise<string> {
  const id = createHash('sha256').update(name).digest('hex');
  const folder = path.join(home, '.docker', 'contexts', 'meta', id);
  await mkdir(folder, { recursive: true });
  const meta = { Name: name, Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } };
  await writeFile(path.join(folder, 'meta.json'), JSON.stringify(meta));
  return path.join(home, '.docker', 'contexts', 'tls', id, 'docker');
}

async function current(name: string): Promise<void> {
  await mkdir(path.join(home, '.docker'), { recursive: true });
  await writeFile(path.join(home, '.docker', 'config.json'), JSON.stringify({ currentContext: name }));
}

describe('findDockerEndpoint', () => {
  it('prefers the setting, DOCKER_HOST, DOCKER_CONTEXT, the current context and the default, in this order', async () => {
    await context('one', 'unix:///one.sock');
    await context('two', 'unix:///two.sock');
    await current('two');
    const env = { DOCKER_HOST: 'unix:///host.sock', DOCKER_CONTEXT: 'one' };
    expect((await find(env, [], 'unix:///set.sock')).host).toBe('unix:///set.sock');
    expect((await find(env)).host).toBe('unix:///host.sock');
    expect(await find({ DOCKER_CONTEXT: 'one' })).toEqual({
      host: 'unix:///one.sock',
      source: { from: 'context', name: 'one' },
      tlsFolder: undefined,
    });
    expect((await find({})).host).toBe('unix:///two.sock');
    expect((await find({ DOCKER_CONTEXT: 'default' })).host).toBe('unix:///var/run/docker.sock');
    await current('default');
    expect((await find({})).host).toBe('unix:///var/run/docker.sock');
  });

  it('takes an address without a scheme as TCP, and its certificates where TLS is asked for', async () => {
    const env = { DOCKER_HOST: '10.0.0.5:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' };
    const endpoint = await find(env);
    expect(endpoint).toMatchObject({ host: 'tcp://10.0.0.5:2376', tlsFolder: '/certs' });
    expect(endpointEnv(endpoint)).toMatchObject({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' });
  });

  it("takes a context's own certificates", async () => {
    const tls = await context('remote', 'tcp://build.example:2376');
    expect(await find({ DOCKER_CONTEXT: 'remote' }, [path.join(tls, 'ca.pem')])).toMatchObject({
      tlsFolder: tls,
    });
  });

  it('says that a context is not there', async () => {
    await expect(find({ DOCKER_CONTEXT: 'gone' })).rejects.toMatchObject({ code: 'docker.failed' });
  });

  it.each([
    '/run/user/1000/docker.sock',
    '.docker/run/docker.sock',
    '.docker/desktop/docker.sock',
    '.colima/default/docker.sock',
    '.rd/docker.sock',
    '/run/user/1000/podman/podman.sock',
  ])('finds %s where the default socket is not there', async (place) => {
    const socket = path.resolve(home, place);
    expect((await find({ XDG_RUNTIME_DIR: '/run/user/1000' }, [socket])).host).toBe(`unix://${socket}`);
  });

  it('falls back to the default, so that an error names it', async () => {
    expect((await find({}, [])).host).toBe('unix:///var/run/docker.sock');
  });

  it('survives a config.json that is none', async () => {
    await mkdir(path.join(home, '.docker'));
    await writeFile(path.join(home, '.docker', 'config.json'), '{');
    expect((await find({})).host).toBe('unix:///var/run/docker.sock');
  });

  it('knows the pipes of Windows', () => {
    expect(socketsOf({ env: {}, home, platform: 'win32' })[0]).toBe('//./pipe/docker_engine');
  });
});

it.each([
  ['unix:///var/run/docker.sock', false],
  ['npipe:////./pipe/docker_engine', false],
  ['tcp://127.0.0.1:2375', false],
  ['tcp://localhost:2375', false],
  ['tcp://[::1]:2375', false],
  ['tcp://10.0.0.5:2376', true],
  ['ssh://me@build.example', true],
])('%s is on another computer: %s', (host, elsewhere) => {
  expect(isElsewhere({ host })).toBe(elsewhere);
});

describe('the engines to choose from', () => {
  it('are the contexts and the sockets that are there, each once', async () => {
    await context('build', 'ssh://me@build.example');
    await context('desktop', 'unix:///run/podman/podman.sock');
    const present = ['/var/run/docker.sock', '/run/podman/podman.sock'];
    const found = await listDockerEndpoints({
      env: {},
      home,
      platform: 'linux',
      exists: (file) => Promise.resolve(present.includes(file)),
    });
    expect(found.map(({ host, source }) => [source.from, host])).toEqual([
      ['context', 'ssh://me@build.example'],
      ['context', 'unix:///run/podman/podman.sock'],
      ['socket', 'unix:///var/run/docker.sock'],
    ]);
  });

  it('may be set by the name of a context, before DOCKER_HOST', async () => {
    await context('build', 'ssh://me@build.example');
    const endpoint = await find({ DOCKER_HOST: 'unix:///host.sock' }, [], 'build');
    expect(endpoint).toMatchObject({ host: 'ssh://me@build.example', source: { name: 'build' } });
    await expect(find({}, [], 'gone')).rejects.toMatchObject({
      why: 'The setting switchyard.docker.host names it.',
    });
  });
});
