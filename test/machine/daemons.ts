import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheFolder } from './cache.ts';
import { asRoot } from './root.ts';
import { run } from './run.ts';

/** How long a daemon may take until it answers, in milliseconds. */
const readyMs = 90_000;

/** A daemon that the engines need. */
interface Daemon {
  readonly unit: string;
  /** How it is started where no init system does. */
  readonly start: readonly [string, ...string[]];
  /** Answers with its version where it runs, and rejects where it does not. */
  ask(): Promise<string>;
}

const docker: Daemon = {
  unit: 'docker',
  start: ['dockerd'],
  ask: async () =>
    (await run('docker', ['version', '--format', '{{.Server.Version}}'], { timeoutMs: 20_000 })).trim(),
};

const virtlogd: Daemon = {
  unit: 'virtlogd',
  start: ['virtlogd', '--daemon'],
  ask: async () => {
    await listens('/run/libvirt/virtlogd-sock');
    return '';
  },
};

const libvirt: Daemon = {
  unit: 'libvirtd',
  start: ['libvirtd', '--daemon'],
  ask: async () => {
    // A call that only the daemon answers, and that does not make it ask QEMU.
    await virsh('hostname');
    return (await run('libvirtd', ['--version'], { timeoutMs: 20_000 })).trim().split(' ').at(-1) ?? '';
  },
};

/**
 * Resolves where somebody listens on a unix socket. Its file proves nothing: a daemon that was killed leaves it.
 * @throws Error where nobody does
 */
async function listens(socket: string): Promise<void> {
  const connection = connect(socket);
  try {
    await once(connection, 'connect');
  } catch (error) {
    // It is root's alone, and its owner would be told otherwise than a stranger: refused.
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
  } finally {
    connection.destroy();
  }
}

/** @returns what to say: version, and whether it had to be started */
export async function bringDocker(onLine: (line: string) => void): Promise<string> {
  return `engine ${await bring(docker, onLine)}`;
}

/** libvirt with its log daemon and the network that machines get their addresses from. */
export async function bringLibvirt(onLine: (line: string) => void): Promise<string> {
  await bring(virtlogd, onLine);
  const version = await bring(libvirt, onLine);
  const network = await bringNetwork();
  return `${version}, network ${network}`;
}

async function bring(daemon: Daemon, onLine: (line: string) => void): Promise<string> {
  const version = await daemon.ask().catch(() => undefined);
  if (version !== undefined) return `${version} runs`.trim();
  onLine(`starting ${daemon.unit}`);
  const log = join(cacheFolder(), 'logs', `${daemon.unit}.log`);
  // The folder that systemd makes at every boot.
  if (existsSync('/run/systemd/system')) {
    const [program, ...words] = asRoot(['systemctl', 'start', daemon.unit]);
    await run(program, words, { timeoutMs: readyMs, log });
  } else {
    await startDetached(daemon.start, log);
  }
  const deadline = performance.now() + readyMs;
  for (;;) {
    try {
      return `${await daemon.ask()} started`.trim();
    } catch (error) {
      if (performance.now() > deadline) {
        const last = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-10).join('\n');
        throw new Error(`${daemon.unit} was started and does not answer.\n${last}\nIts log: ${log}`, {
          cause: error,
        });
      }
    }
    await delay(200);
  }
}

/** Starts a daemon that outlives this process. It is the machine's from now on, and stays. */
async function startDetached(words: readonly [string, ...string[]], log: string): Promise<void> {
  await mkdir(dirname(log), { recursive: true });
  const file = await open(log, 'a');
  try {
    const [program, ...args] = asRoot(words);
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', file.fd, file.fd],
      // Daemons live in folders that are not on every PATH.
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` },
      cwd: '/',
    });
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', resolve);
    });
    child.unref();
  } finally {
    await file.close();
  }
}

/** The network named "default", which libvirt's packages define and do not always start. */
async function bringNetwork(): Promise<string> {
  if (/^Active:\s+yes$/m.test(await virsh('net-info', 'default'))) return 'default runs';
  await virsh('net-start', 'default');
  return 'default started';
}

/** virsh speaks English here whatever the person's language. */
function virsh(...args: readonly string[]): Promise<string> {
  return run('virsh', ['--connect', 'qemu:///system', ...args], {
    timeoutMs: 60_000,
    env: { LC_ALL: 'C.UTF-8' },
  });
}
