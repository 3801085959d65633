import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { silentLogger } from '../../../src/base/log.ts';
import type { Connection } from '../../../src/connections/connection.ts';
import { DockerConnection } from '../../../src/connections/dockerConnection.ts';
import { DockerEngine } from '../../../src/engines/docker.ts';
import { pollUntil } from '../../../src/base/abort.ts';
import { proxyCiphers } from '../../../src/ssh/config/entry.ts';
import type { DoorFile } from '../../../src/ssh/doorFile.ts';
import { succeed } from './client.ts';

const execute = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../../..');

/** An environment with an SSH alias, as a client and as somebody beside it see it. */
export interface TestDoor {
  readonly kind: 'container' | 'vm';
  readonly alias: string;
  /** Absolute path of the SSH configuration that has the alias. */
  readonly config: string;
  /** A folder of this computer for the test's files. */
  readonly folder: string;
  /** Whether the socket of a forward that ended is taken away; sshd leaves it until the next forward to the same path. */
  readonly takesSocketsAway: boolean;
  /** The command lines of what runs in the environment besides its own services, read past the door. */
  processes(): Promise<string[]>;
  /** The editor's own way in, as the same user. */
  connect(): Promise<Connection>;
  /** For whoever asked for it, when it is no longer needed. */
  disconnect(connection: Connection): void;
  /** It goes away as if its power failed. */
  cut(): Promise<void>;
  end(): Promise<void>;
}

/** What the table needs in an environment: a user `dev`, perl, and the other ends of rsync, git and scp. */
export const doorDockerfile = `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends rsync git openssh-client && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --shell /bin/bash dev
`;

/** A folder with the built proxy. */
export async function buildProxy(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'sy-dist-'));
  await execute(process.execPath, ['esbuild.mjs', '--outdir', folder], { cwd: root });
  return folder;
}

export interface ContainerOptions {
  readonly image?: string;
  readonly runArgs?: readonly string[];
  readonly command?: readonly string[];
  readonly user?: string;
  readonly start?: boolean;
}

/** A container with a door of its own: the real proxy, the real configuration, no listening socket. */
export async function containerDoor(
  proxy: string,
  options: ContainerOptions = {},
): Promise<TestDoor & { readonly containerId: string; readonly door: DoorFile }> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'sy-door-'));
  let image = options.image;
  if (image === undefined) {
    await mkdir(path.join(folder, 'image'));
    await writeFile(path.join(folder, 'image', 'Dockerfile'), doorDockerfile);
    const built = await succeed('docker', ['build', '--quiet', path.join(folder, 'image')]);
    image = built.trim();
  }
  const containerId = (
    await succeed('docker', [
      'run',
      '--detach',
      '--init',
      ...(options.runArgs ?? []),
      image,
      ...(options.command ?? ['sleep', 'infinity']),
    ])
  ).trim();
  const hostKeyFile = path.join(folder, 'hostkey');
  await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKeyFile]);
  const door: DoorFile = {
    version: 1,
    name: 'Container of the test',
    engine: 'unix:///var/run/docker.sock',
    containerId,
    labels: [],
    user: options.user ?? 'dev',
    env: { FROM_CONFIG: "it's $HOME; `id`" },
    start: options.start ?? true,
    hostKeyFile,
  };
  const doorFile = path.join(folder, 'door.json');
  await writeFile(doorFile, JSON.stringify(door));
  const alias = 'switchyard-test-container';
  await writeFile(
    path.join(folder, 'known_hosts'),
    `${alias} ${await readFile(`${hostKeyFile}.pub`, 'utf8')}`,
  );
  const config = path.join(folder, 'config');
  await writeFile(
    config,
    [
      `Host ${alias}`,
      `  User ${door.user}`,
      `  ProxyCommand "${process.execPath}" "${path.join(proxy, 'ssh', 'proxy.cjs')}" "${doorFile}"`,
      `  UserKnownHostsFile "${path.join(folder, 'known_hosts')}"`,
      '  StrictHostKeyChecking yes',
      `  Ciphers ${proxyCiphers.join(',')}`,
      '  LogLevel ERROR',
      '',
    ].join('\n'),
  );
  return {
    kind: 'container',
    takesSocketsAway: true,
    alias,
    config,
    folder,
    containerId,
    door,
    processes: async () => {
      const top = await succeed('docker', ['top', containerId, '-eo', 'pid,args']);
      const lines = top
        .split('\n')
        .slice(1)
        .map((line) => line.trim().replace(/^\d+\s+/, ''));
      return lines.filter((line) => line !== '' && !/^(\/sbin\/docker-init|sleep infinity)/.test(line));
    },
    connect: () =>
      Promise.resolve(
        new DockerConnection(
          new DockerEngine({ program: 'docker' }, silentLogger),
          { containerId, user: door.user, env: {}, cwd: '/' },
          silentLogger,
        ),
      ),
    disconnect: (connection) => connection.dispose(),
    cut: async () => {
      await succeed('docker', ['kill', containerId]);
    },
    end: async () => {
      await succeed('docker', ['rm', '--force', '--volumes', containerId]);
      // Kept for whoever works on this table: to make it takes most of a minute.
      if (options.image === undefined && !process.env['DOORS_KEEP_IMAGE']) {
        await succeed('docker', ['rmi', '--force', image]);
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until nothing of a test's runs in the environment any more. */
export async function quiet(door: TestDoor): Promise<string[]> {
  let left: string[] = [];
  await pollUntil(
    async () => {
      left = await door.processes();
      return left.length === 0 ? true : undefined;
    },
    { everyMs: 100, timeoutMs: 20_000, signal: new AbortController().signal },
  );
  return left;
}

export async function until(condition: () => Promise<boolean> | boolean, timeoutMs = 20_000): Promise<void> {
  const met = await pollUntil(async () => ((await condition()) ? true : undefined), {
    everyMs: 30,
    timeoutMs,
    signal: new AbortController().signal,
  });
  if (met !== true) throw new Error('The condition was not met in time.');
}
