import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { devcontainerId } from '../../../../src/config/devcontainerId.ts';
import { parseFigures } from '../../../../src/environments/vm/guestFigures.ts';
import { keyScan } from '../../../../src/environments/vm/machineLogin.ts';
import { ownEnvironment, workspaceIn } from '../../../../src/environments/vm/ownGuest.ts';
import { domainInfo, knownMachines, madeWith } from '../../../../src/environments/vm/ownMachine.ts';
import { chooseMachine } from '../../../../src/environments/vm/prepareSource.ts';
import {
  isMount,
  isOverwritten,
  parseSyncedFolders,
  placeInside,
} from '../../../../src/environments/vm/syncedFolders.ts';
import { asMerged } from '../../../../src/environments/vm/writtenConfig.ts';

const synced = parseSyncedFolders(
  JSON.stringify({
    nfs: { '/src': { guestpath: '/src/', hostpath: '/home/dev', disabled: false } },
    rsync: {
      '/vagrant': { type: 'rsync', guestpath: '/vagrant', hostpath: '/home/dev/p/../p' },
      '/off': { guestpath: '/off', hostpath: '/home/dev/p/off', disabled: true },
    },
  }),
);

describe('the folders that a Vagrantfile brings in', () => {
  it('are those of its last up, without the disabled ones', () => {
    expect(synced).toEqual([
      { type: 'nfs', host: '/home/dev', guest: '/src' },
      { type: 'rsync', host: '/home/dev/p', guest: '/vagrant' },
    ]);
    for (const text of ['', '{', '[]', 'null', '{"a":1}', '{"a":{"b":null}}']) {
      expect(parseSyncedFolders(text)).toEqual([]);
    }
  });

  it('tell where a folder is inside, by the nearest one', () => {
    expect(placeInside(synced, '/home/dev/p/api')).toEqual({ folder: '/vagrant/api', mounted: false });
    expect(placeInside(synced, '/home/dev/q')).toEqual({ folder: '/src/q', mounted: true });
    expect(placeInside(synced, '/home/development')).toBeUndefined();
  });

  it('are the workspace where they are mounted, and never where Vagrant copies', () => {
    expect(workspaceIn(undefined, { folder: '/home/dev/q' }, synced)).toEqual({
      folder: '/src/q',
      declared: true,
    });
    expect(workspaceIn(undefined, { folder: '/home/dev/p' }, synced)).toEqual({
      folder: '/workspaces/p',
      declared: false,
    });
    expect(workspaceIn('/srv', { folder: '/home/dev/q' }, synced)).toEqual({
      folder: '/srv',
      declared: false,
    });
    expect(isOverwritten(synced, '/vagrant/sub')).toBe(true);
    expect(isOverwritten(synced, '/vagrants')).toBe(false);
  });

  it('are mounts where the machine says so', () => {
    const mounts = [
      '/dev/vda2 / ext4 rw,noatime 0 0',
      'proc /proc proc rw 0 0',
      '192.168.121.1:/home/dev /src\\040code nfs4 rw 0 0',
      '/dev/vdb1 /data ext4 rw 0 0',
    ].join('\n');
    expect(isMount(mounts, '/src code/p', false)).toBe(true);
    expect(isMount(mounts, '/src', false)).toBe(false);
    // A disk of the machine's own.
    expect(isMount(mounts, '/data/p', false)).toBe(false);
    // What the provider mounts in a way of its own.
    expect(isMount(mounts, '/data', true)).toBe(true);
    // It was declared, and did not come.
    expect(isMount(mounts, '/vagrant', true)).toBe(false);
  });
});

describe('the machine of a Vagrantfile', () => {
  const web = { name: 'web', provider: 'docker', state: 'running' };
  const byDefault = { ...web, name: 'default' };

  it('is the one that is named, else the default one, else the only one', () => {
    expect(chooseMachine([web, byDefault], 'web')).toBe(web);
    expect(chooseMachine([web, byDefault], undefined)).toBe(byDefault);
    expect(chooseMachine([web], undefined)).toBe(web);
    expect(chooseMachine([web, { ...web, name: 'db' }], undefined)).toBeUndefined();
    expect(chooseMachine([web], 'nobody')).toBeUndefined();
  });

  it('is known by what Vagrant keeps beside the file', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'switchyard-own-'));
    const file = path.join(folder, 'Vagrantfile');
    expect(await knownMachines(file)).toEqual([]);
    const made = path.join(folder, '.vagrant', 'machines', 'web', 'docker');
    await mkdir(made, { recursive: true });
    // Vagrant makes the folder when it is only asked.
    expect(await madeWith(file, 'web')).toBeUndefined();
    await writeFile(path.join(made, 'id'), 'abc\n');
    expect(await madeWith(file, 'web')).toBe('docker');
    expect(await knownMachines(file)).toEqual(['web']);
    await rm(folder, { recursive: true });
  });

  it('is in one of our states, whatever its provider calls that', () => {
    expect(domainInfo('a', 'not_created')).toBeUndefined();
    expect(domainInfo('a', undefined)).toBeUndefined();
    expect(domainInfo('a', 'running')).toMatchObject({ state: 'running', run: 'a' });
    expect(domainInfo('a', 'saved')).toMatchObject({ state: 'shut off', managedSave: true });
    expect(domainInfo('a', 'poweroff')).toMatchObject({ state: 'shut off', managedSave: false });
  });

  it('shows its host keys', () => {
    const stdout = `[127.0.0.1]:2222 ssh-ed25519 AAAAC3Nz
# 127.0.0.1:2222 SSH-2.0-OpenSSH_9.2p1
[127.0.0.1]:2222 ecdsa-sha2-nistp256 AAAAE2Vj
`;
    expect(keyScan('127.0.0.1', 2222).parse(stdout)).toEqual([
      'ssh-ed25519 AAAAC3Nz',
      'ecdsa-sha2-nistp256 AAAAE2Vj',
    ]);
  });

  it('says what it uses itself', () => {
    const text = `cpu  100 0 50 800 50 0 0 0 0 0
cpu0 50 0 25 400 25 0 0 0 0 0
cpu1 50 0 25 400 25 0 0 0 0 0
intr 1
MemTotal:        2000000 kB
MemAvailable:    1500000 kB
Filesystem     1024-blocks    Used Available Capacity Mounted on
/dev/vda2         20000000 3000000  16000000      16% /
`;
    expect(parseFigures(text)).toEqual({
      busyTicks: 150,
      allTicks: 1000,
      cpus: 2,
      memoryBytes: 500_000 * 1024,
      memoryLimitBytes: 2_000_000 * 1024,
      diskBytes: 3_000_000 * 1024,
    });
    expect(parseFigures('')).toMatchObject({ busyTicks: undefined, cpus: undefined, diskBytes: undefined });
  });
});

describe('a config that no image has a part in', () => {
  it('is as written, in the form of a merged one', () => {
    const written = {
      name: 'api',
      postCreateCommand: 'echo ${devcontainerId}',
      postStartCommand: { a: ['x', '${devcontainerId}'], b: 'y' },
      containerEnv: { ID: '${devcontainerId}' },
      configFilePath: { fsPath: '/p' },
    };
    expect(asMerged(written, 'id$&')).toEqual({
      name: 'api',
      postCreateCommands: ['echo id$&'],
      postStartCommands: [{ a: ['x', 'id$&'], b: 'y' }],
      containerEnv: { ID: 'id$&' },
    });
  });

  it('has the id that the reference implementation gives the container', () => {
    // Recorded from what its `up` answers.
    expect(devcontainerId('/srv/sample', '/srv/sample/.devcontainer/devcontainer.json')).toBe(
      '1ngfeh7iequjbeg7b017qm08ff0p0p4hq68oh0tdpm69q6na5rc2',
    );
  });

  it('adds its variables to those of the machine', () => {
    expect(
      ownEnvironment(
        {
          containerEnv: { A: 'a', GONE: 'x' },
          remoteEnv: {
            PATH: '${containerEnv:PATH}:/opt',
            B: '${containerEnv:A}${containerEnv:NO:-}',
            GONE: null,
          },
        },
        { PATH: '/usr/bin', HOME: '/home/vagrant' },
      ),
    ).toEqual({ A: 'a', PATH: '/usr/bin:/opt', B: 'a-' });
  });
});
