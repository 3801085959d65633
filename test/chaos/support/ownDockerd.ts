import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { pollUntil } from '../../../src/base/abort.ts';

const execute = promisify(execFile);

/** An engine of a test's own, which may be killed: its socket, its containers and images are nobody else's. */
export class OwnDockerd {
  readonly host: string;
  readonly #folder: string;
  #daemon: ChildProcess | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.host = `unix://${path.join(folder, 'docker.sock')}`;
  }

  /** Starts it and gives it this image of the computer's engine. */
  static async withImage(image: string): Promise<OwnDockerd> {
    // Not under /tmp: overlay2 needs a real file system below it.
    const own = new OwnDockerd(await mkdtemp('/var/lib/switchyard-chaos-'));
    await own.start();
    try {
      await execute('sh', ['-c', 'docker save "$1" | docker --host "$2" load', 'sh', image, own.host]);
      return own;
    } catch (error) {
      await own.remove();
      throw error;
    }
  }

  async start(): Promise<void> {
    const at = (name: string): string => path.join(this.#folder, name);
    // Where nobody reaps orphans, as in many containers, the dead containerd counts as one that runs.
    await rm(at('exec/containerd/containerd.pid'), { force: true });
    const daemon = spawn(
      'unshare',
      [
        // In a network of its own: an engine sets up, and takes away, bridges and rules that are not its own.
        ...['--net', 'dockerd'],
        ...[
          '--host',
          this.host,
          '--data-root',
          at('data'),
          '--exec-root',
          at('exec'),
          '--pidfile',
          at('pid'),
        ],
        ...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#daemon = daemon;
    const log = createWriteStream(at('log'), { flags: 'a' });
    daemon.stdout.pipe(log);
    daemon.stderr.pipe(log);
    const answers = async (): Promise<true | undefined> => {
      if (daemon.exitCode !== null) throw new Error(`dockerd ended: ${await readFile(at('log'), 'utf8')}`);
      try {
        await execute('docker', ['--host', this.host, 'version']);
        return true;
      } catch {
        // Not yet; the bound below says when it is too late.
        return undefined;
      }
    };
    const signal = AbortSignal.timeout(60_000);
    await pollUntil(answers, { everyMs: 200, timeoutMs: Infinity, signal });
  }

  /** As a crash or an upgrade ends it. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon?.exitCode !== null || daemon.signalCode !== null) return;
    const over = once(daemon, 'exit');
    daemon.kill(signal);
    await over;
  }

  async docker(...args: readonly string[]): Promise<string> {
    return (await execute('docker', ['--host', this.host, ...args])).stdout.trim();
  }

  /** Ends it with its containers, and removes all of it. */
  async remove(): Promise<void> {
    if (!this.#daemon) await this.start();
    const ids = (await this.docker('ps', '--all', '--quiet')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.docker('rm', '--force', '--volumes', ...ids);
    await this.kill('SIGTERM');
    // One that was killed left its data folder mounted on itself.
    const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').flatMap((line) => {
      const at = line.split(' ')[1] ?? '';
      return at.startsWith(`${this.#folder}/`) ? [at] : [];
    });
    for (const at of mounts.reverse()) await execute('umount', ['--lazy', at]);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}
