import { describe, expect, it } from 'vitest';
import { isBadMount, parseMount } from '../../../../src/config/mounts.ts';
import type { ComposeModel, ComposeObject } from '../../../../src/engines/compose.ts';
import {
  composeProjectName,
  inService,
  readServices,
} from '../../../../src/environments/vm/services/composedProject.ts';
import { devServiceOf, mountsOver } from '../../../../src/environments/vm/services/devService.ts';
import { composeOthers, otherServices } from '../../../../src/environments/vm/services/guestCompose.ts';
import { failed, leftOf } from '../../../../src/environments/vm/services/guestServices.ts';

const folder = "/home/me/it's, here";
const never = new AbortController().signal;

const dev = (
  service: ComposeObject,
  written?: string,
  volumes?: ComposeModel['volumes'],
): ReturnType<typeof devServiceOf> => devServiceOf(service, volumes, { folder, written });

const mountOf = (text: string | undefined): object => {
  const mount = parseMount(text);
  if (isBadMount(mount)) throw new Error(mount.reason);
  return mount;
};

describe('the service that the machine is', () => {
  it('has its user and its environment, with each dollar sign once', () => {
    const service = { image: 'node', user: 1000, environment: { A: 'a$$b', B: 1, GONE: null } };
    expect(dev(service)).toMatchObject({ image: 'node', user: '1000', env: ['A=a$b', 'B=1'] });
    expect(dev({ environment: ['A=1=2', 'GONE'] }).env).toEqual(['A=1=2']);
  });

  it.each([
    ['itself', [`${folder}:/workspace:cached`], undefined, '/workspace'],
    ['a folder above it', ['/home/me:/workspaces:rw'], undefined, "/workspaces/it's, here"],
    ['the one that the config names', [`${folder}:/one`, `${folder}:/two`], '/two', '/two'],
    ['nothing, so where the config says', ['cache:/c'], '/srv/app', '/srv/app'],
    ['a part of it, which the config names', [`${folder}/src:/app:rw`], '/app', "/workspaces/it's, here"],
    ['nothing at all', [], undefined, "/workspaces/it's, here"],
    ['nothing, and the root is no place', [], '/', "/workspaces/it's, here"],
  ])('has the workspace where its volumes show %s', (_what, volumes, written, expected) => {
    const { workspaceFolder, left } = dev({ volumes }, written);
    expect(workspaceFolder).toBe(expected);
    const isSaid = written !== undefined && written !== '/' && written !== expected;
    expect(left.map(({ property }) => property)).toEqual(isSaid ? ['workspaceFolder'] : []);
  });

  it('has its other volumes as mounts, in either form, and what only an engine can make says so', () => {
    const volumes = [
      `${folder}:/workspace:rw`,
      '/home/me:/around',
      `${folder}/a "b",c:/part:ro`,
      'cache:/cache',
      'shared:/shared',
      '/anonymous',
      { type: 'bind', source: '/etc/hosts', target: '/etc/hosts', read_only: true },
      { type: 'volume', source: 'cache', target: '/again' },
      { type: 'tmpfs', target: '/t', tmpfs: { size: 100, mode: 0o700 } },
    ];
    const { mounts } = dev({ volumes, tmpfs: ['/run:size=1m,uid=1'] }, undefined, {
      cache: null,
      shared: { driver: 'local', driver_opts: { type: 'nfs' } },
    });
    const place = { readOnly: false, options: {} };
    expect(mounts.map(mountOf)).toEqual([
      { ...place, type: 'bind', source: `${folder}/a "b",c`, target: '/part', readOnly: true },
      { ...place, type: 'volume', source: 'cache', target: '/cache' },
      {
        ...place,
        type: 'volume',
        source: 'shared',
        target: '/shared',
        options: { 'volume-driver': 'local', 'volume-opt': 'type' },
      },
      { ...place, type: 'volume', target: '/anonymous' },
      { ...place, type: 'bind', source: '/etc/hosts', target: '/etc/hosts', readOnly: true },
      { ...place, type: 'volume', source: 'cache', target: '/again' },
      { ...place, type: 'tmpfs', target: '/t', options: { 'tmpfs-size': '100', 'tmpfs-mode': '700' } },
      { ...place, type: 'tmpfs', target: '/run', options: { 'tmpfs-size': '1m' } },
    ]);
  });

  it('has mounts of the config before its own at the same place', () => {
    const own = ['type=volume,source=a,target=/a', 'type=volume,source=b,target=/b'];
    const written = [{ type: 'volume', source: 'c', target: '/a' }];
    expect(mountsOver(own, written)).toEqual([own[1], ...written]);
  });

  it('lies over the image that it is made of', () => {
    const built = {
      id: 'sha256:1',
      config: { env: ['A=image', 'B=image'], user: 'image' },
      configuration: {
        configuration: {},
        mergedConfiguration: { dockerComposeFile: 'a.yml', service: 'app' },
        workspace: { workspaceFolder: '/' },
      },
    };
    const service = dev({ image: 'node', environment: { A: 'service' }, volumes: [`${folder}:/w`] });
    expect(inService(built, { dev: service, others: undefined })).toMatchObject({
      config: { env: ['A=image', 'B=image', 'A=service'], user: 'image' },
      configuration: { mergedConfiguration: { image: 'node' }, workspace: { workspaceFolder: '/w' } },
    });
  });
});

describe('the other services', () => {
  const model: ComposeModel = {
    services: {
      app: { image: 'app', depends_on: ['db'] },
      db: { image: 'db', depends_on: { app: {}, disk: {} } },
      disk: { image: 'disk' },
      extra: { image: 'extra', network_mode: 'service:held' },
      held: { image: 'held', profiles: ['debug'] },
      other: { image: 'other', profiles: ['debug'] },
    },
  };

  it('are those that no profile holds back, and what they depend on', () => {
    expect(otherServices(model, { service: 'app', runServices: [] })).toEqual([
      ...['db', 'disk', 'extra', 'held'],
    ]);
    expect(otherServices({ services: { app: {} } }, { service: 'app', runServices: undefined })).toEqual([]);
  });

  it('are those named, and what they and the one that is worked in depend on', () => {
    expect(otherServices(model, { service: 'app', runServices: ['other', 'nix'] })).toEqual([
      ...['db', 'disk', 'other'],
    ]);
  });

  const others = (
    services: ComposeModel['services'],
    rest: Partial<ComposeModel> = {},
  ): { services: Record<string, ComposeObject>; file: ComposeModel; left: readonly object[] } => {
    const around = { service: 'app', runServices: undefined, hostFolder: folder, guestFolder: '/w' };
    const made = composeOthers({ services, ...rest }, around);
    const file = JSON.parse(made?.file ?? '{}') as ComposeModel;
    return { services: { ...file.services }, file, left: made?.left ?? [] };
  };

  it('are named without the one that is worked in, for which the machine stands', () => {
    const { services } = others({
      app: { image: 'app' },
      db: {
        ...{ image: 'db', depends_on: ['app', 'disk'], links: ['app:web', 'disk'] },
        ...{ env_file: ['/gone'], extra_hosts: { one: '1.2.3.4' } },
      },
      disk: { image: 'disk', depends_on: { app: { condition: 'service_started' } } },
    });
    expect(services).toEqual({
      db: {
        image: 'db',
        depends_on: ['disk'],
        links: ['disk'],
        extra_hosts: ['one:1.2.3.4', 'app:host-gateway'],
      },
      disk: { image: 'disk', depends_on: {}, extra_hosts: ['app:host-gateway'] },
    });
  });

  it('that share the network of the one that is worked in are on the machine’s', () => {
    const { services } = others({
      app: { image: 'app', network_mode: 'service:db' },
      db: { image: 'db', ports: ['5432'], networks: { default: null } },
      side: { image: 'side', network_mode: 'service:app' },
      web: { image: 'web' },
    });
    expect(services).toEqual({
      db: { image: 'db', network_mode: 'host', extra_hosts: ['app:127.0.0.1', 'side:127.0.0.1'] },
      side: { image: 'side', network_mode: 'host', extra_hosts: ['app:127.0.0.1', 'db:127.0.0.1'] },
      web: {
        image: 'web',
        extra_hosts: ['app:host-gateway', 'db:host-gateway', 'side:host-gateway'],
      },
    });
  });

  it('have files of the workspace as they are inside; others are left, and said', () => {
    const { services, file, left } = others(
      {
        app: {},
        db: {
          build: { context: `${folder}/db`, dockerfile: 'Dockerfile' },
          volumes: [
            `${folder}/data:/data:ro`,
            'kept:/kept',
            '/etc/secret:/secret',
            '/var/run/docker.sock:/s',
          ],
        },
        far: { build: { context: '/elsewhere' } },
        git: { build: 'https://example.org/a.git' },
      },
      {
        volumes: { kept: { external: true, name: 'kept' } },
        networks: { net: { external: { name: 'old' } } },
        secrets: { token: { file: `${folder}/token` } },
      },
    );
    expect(services['db']).toMatchObject({
      build: { context: '/w/db', dockerfile: 'Dockerfile' },
      volumes: [
        { type: 'bind', source: '/w/data', target: '/data', read_only: true },
        'kept:/kept',
        '/var/run/docker.sock:/s',
      ],
    });
    expect(services['git']).toMatchObject({ build: 'https://example.org/a.git' });
    expect(file).toMatchObject({
      volumes: { kept: { name: 'kept' } },
      networks: { net: { name: 'old' } },
      secrets: { token: { file: '/w/token' } },
    });
    expect(file.volumes?.['kept']).not.toHaveProperty('external');
    const reason = expect.stringContaining('outside of the workspace') as string;
    expect(left).toEqual([
      { property: 'services: db: /etc/secret', reason },
      { property: 'services: far: build', reason },
    ]);
  });

  it('have a row each where the image has nothing to run them', () => {
    const made = { names: ['db', 'web'], onMachine: [], left: [], project: 'p' };
    expect(leftOf(made)).toEqual([]);
    expect(leftOf({ ...made, without: 'engine' })).toEqual([
      { property: 'services: db', reason: expect.stringContaining('Docker engine') as string },
      { property: 'services: web', reason: expect.stringContaining('Docker engine') as string },
    ]);
  });
});

describe('a service that does not start', () => {
  it('is told with the last that was said, and what is to be done', () => {
    const said =
      'Building\nERROR: pull access denied for db\nEncountered errors while bringing up the project.\n';
    expect(failed(['db'], said)).toMatchObject({
      code: 'vm.services',
      why: said.trim(),
      next: expect.stringContaining('docker logs') as string,
    });
    expect(failed(['db'], '').why).not.toBe('');
  });
});

describe('readServices', () => {
  const project = { id: 'p', name: 'api', folder, configFile: '/c/devcontainer.json', storage: '/s' };
  const target = { folder, configFile: '/c/devcontainer.json' };
  const cli = {
    asked: [] as unknown[],
    readCompose(...asked: unknown[]): Promise<ComposeModel> {
      this.asked.push(asked[1]);
      return Promise.resolve({ services: { web: { image: 'web' }, db: {} } });
    },
  };
  const read = (merged: object): ReturnType<typeof readServices> =>
    readServices(project, { mergedConfiguration: merged }, cli, target, never);

  it('reads the files beside the config, in their order', async () => {
    const composed = await read({ dockerComposeFile: ['a.yml', '../b.yml'], service: 'web' });
    expect(cli.asked.at(-1)).toEqual(['/c/a.yml', '/b.yml']);
    expect(composed).toMatchObject({ dev: { image: 'web', left: [] }, others: { names: ['db'] } });
    const slashed = await read({ dockerComposeFile: 'a.yml', service: 'web', workspaceFolder: '/w/' });
    expect(slashed?.dev).toMatchObject({ workspaceFolder: '/w', left: [] });
    expect(await read({ image: 'node' })).toBeUndefined();
  });

  it.each([
    [{ service: 'nix' }, '"service" is "nix", and its compose files have no service of that name.'],
    [
      { service: 'constructor' },
      '"service" is "constructor", and its compose files have no service of that name.',
    ],
    [{}, 'It has a compose file, and does not say which "service" to work in.'],
  ])('names the services that there are where it is %j', async (config, why) => {
    await expect(read({ dockerComposeFile: 'a.yml', ...config })).rejects.toMatchObject({
      code: 'config.invalid',
      why,
      next: 'Name one of theirs as "service": "web", "db".',
      remedies: [
        { do: 'openFile', file: '/c/devcontainer.json' },
        { do: 'openFile', file: '/c/a.yml' },
      ],
    });
  });

  it('gives the machine’s Compose a name that both of its versions take', () => {
    expect(composeProjectName({ name: "It's _my_ Prøject" })).toBe('its_my_prject');
    expect(composeProjectName({ name: '__ØÆ' })).toBe('project');
  });
});
