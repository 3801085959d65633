import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { silentLogger } from '../../../src/base/log.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { quoteAll } from '../../../src/base/shell.ts';
import { ApartSync } from '../../../src/sync/apart/apartSync.ts';
import type { SshConnectionForTests, SshServer } from '../../engines/support/sshServer.ts';
import { rowOf, type Row } from '../harness.ts';

export const exec = promisify(execFile);
export const signal = AbortSignal.timeout(60 * 60_000);

/** How long the work takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Asks again every `everyMs` until the answer is yes. @throws after a minute */
export async function until(condition: () => boolean, everyMs = 2): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('It took more than a minute.');
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/**
 * As when an environment is opened: the sync's process is started at once, and stands with its thread by the time that
 * the container or machine does, which takes longer.
 */
export async function standBy(sync: ApartSync): Promise<void> {
  sync.prepare();
  // Of nothing, so all that this waits for is an answer.
  await sync.flush(signal);
  await calm({ everyMs: 20, belowMs: 10, times: 5 });
}

/**
 * Processor time in milliseconds of this process and of those that it started and that run now, the sync's among
 * them, whose counts are in hundredths of a second (proc(5): fields 14 and 15).
 */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  let sum = (user + system) / 1_000;
  for (const pid of fs.readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').match(/\d+/g) ?? []) {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      sum += (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      // It ended meanwhile.
    }
  }
  return sum;
}

/**
 * Waits until this process and the sync's have nothing more to do: what came in bulk is compared once more afterwards, which
 * is no part of what is measured next. @throws after two minutes
 */
export async function quiet(): Promise<void> {
  await calm({ everyMs: 1_000, belowMs: 50, times: 4 });
}

/** Until so many times in a row less than that of the processor was used. @throws after two minutes */
async function calm(when: {
  readonly everyMs: number;
  readonly belowMs: number;
  readonly times: number;
}): Promise<void> {
  const deadline = performance.now() + 120_000;
  for (let calm = 0; calm < when.times;) {
    if (performance.now() > deadline) throw new Error('It was never quiet.');
    const before = processorMs();
    await new Promise((resolve) => setTimeout(resolve, when.everyMs));
    calm = processorMs() - before < when.belowMs ? calm + 1 : 0;
  }
}

/** `count` files of 4 KiB, about 45 a folder. */
export function plant(folder: string, count: number): void {
  for (let n = 0; n < count; n += 1) {
    const inner = path.join(folder, `d${Math.floor(n / 2_000)}`, `e${Math.floor(n / 45) % 45}`);
    fs.mkdirSync(inner, { recursive: true });
    fs.writeFileSync(path.join(inner, `file-${n}.txt`), randomBytes(4_096));
  }
}

/**
 * A host folder, as many guest folders as asked for, and what brings the one to the others. What they hold is deleted at
 * the very end: ext4 looks at each inode that was deleted in the seconds before, whenever a file is made, so who makes
 * ten thousand of them after as many were deleted takes seven times as long, whichever program that is.
 */
export class Place {
  readonly rows: Row[] = [];
  readonly folder = fs.mkdtempSync(path.join(process.env['BENCH_FOLDER'] ?? tmpdir(), 'switchyard-bench-'));
  readonly host = path.join(this.folder, 'host');
  readonly server: SshServer;
  readonly runs: number;
  readonly #warm: string;
  readonly #cold: string;
  #count = 0;

  constructor(server: SshServer, runs: number) {
    this.server = server;
    this.runs = runs;
    fs.mkdirSync(this.host);
    const ssh = ['ssh', ...server.options, '-p', String(server.port)];
    this.#cold = quoteAll(ssh);
    this.#warm = quoteAll([
      ...ssh,
      ...['-o', 'ControlMaster=auto', '-o', `ControlPath=${this.folder}/control`, '-o', 'ControlPersist=600'],
    ]);
  }

  /** Notes a row, and tells of it at once: a whole run takes minutes. */
  row(measured: Omit<Row, 'ratio' | 'met'>): void {
    const row = rowOf(measured);
    this.rows.push(row);
    process.stderr.write(
      `${row.name}: ours ${row.ours.toFixed(2)} ${row.unit}, ${row.peerName} ${row.peer.toFixed(2)}: ${row.ratio.toFixed(3)} (${row.goal})\n`,
    );
  }

  /** A place for a guest folder that is not there yet. */
  fresh(): string {
    this.#count += 1;
    return path.join(this.folder, `guest-${this.#count}`);
  }

  async rsync(target: string, ssh: 'warm' | 'cold'): Promise<void> {
    const shell = ssh === 'warm' ? this.#warm : this.#cold;
    await exec('rsync', ['-a', '-e', shell, `${this.host}/`, `root@127.0.0.1:${target}/`]);
  }

  /** Opens the connection that warm ones share. */
  async warmUp(): Promise<void> {
    await exec('sh', ['-c', `${this.#warm} root@127.0.0.1 true`]);
  }

  async connect(): Promise<SshConnectionForTests> {
    return this.server.connect({ XDG_STATE_HOME: path.join(this.folder, 'guest-state') });
  }

  sync(host: string, state: string): ApartSync {
    return new ApartSync({
      hostFolder: host,
      stateFolder: state,
      ignore: [],
      protect: [],
      log: silentLogger,
    });
  }

  /** Brings `host` and `target` together once, and lets go of them again. */
  async carry(host: string, target: string, connection: SshConnectionForTests): Promise<void> {
    const sync = this.sync(host, `${target}-state`);
    try {
      await sync.carry({ connection, guestFolder: target, guestId: 'bench' }, silentProgress, signal);
    } finally {
      sync.dispose();
    }
  }

  dispose(): void {
    // To its end, because it removes its socket: a folder that changes is not removed whole. None may be open.
    spawnSync('sh', ['-c', `${this.#warm} -O exit root@127.0.0.1`], { stdio: 'ignore' });
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
