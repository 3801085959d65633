import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { silentLogger } from '../../src/base/log.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { pollUntil } from '../../src/base/abort.ts';
import { quoteAll } from '../../src/base/shell.ts';
import { WorkspaceSync } from '../../src/sync/workspaceSync.ts';
import { SshServer, type SshConnectionForTests } from '../engines/support/sshServer.ts';
import { median, quantile, rowOf, type BenchOptions, type Report, type Row } from './harness.ts';

const exec = promisify(execFile);
const signal = AbortSignal.timeout(60 * 60_000);
const files = Number(process.env['BENCH_FILES'] ?? 10_000);
const largeBytes = Number(process.env['BENCH_LARGE_MIB'] ?? 1024) * 1024 ** 2;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function row(name: string, unit: string, ours: number, peer: number, peerName: string, goal: string): Row {
  const made = rowOf({ name, unit, ours, peer, peerName, goal });
  process.stderr.write(
    `${name}: ours ${ours.toFixed(2)} ${unit}, ${peerName} ${peer.toFixed(2)}: ${made.ratio.toFixed(3)} (${goal})\n`,
  );
  return made;
}

/** `count` files of 4 KiB, about 45 a folder. */
function plant(folder: string, count: number): void {
  for (let n = 0; n < count; n += 1) {
    const inner = path.join(folder, `d${Math.floor(n / 2_000)}`, `e${Math.floor(n / 45) % 45}`);
    fs.mkdirSync(inner, { recursive: true });
    fs.writeFileSync(path.join(inner, `file-${n}.txt`), randomBytes(4_096));
  }
}

class Bench {
  readonly rows: Row[] = [];
  readonly place = fs.mkdtempSync(path.join(process.env['BENCH_FOLDER'] ?? tmpdir(), 'switchyard-bench-'));
  readonly host = path.join(this.place, 'host');
  readonly #server: SshServer;
  readonly #env = { XDG_STATE_HOME: path.join(this.place, 'guest-state') };
  readonly #runs: number;
  readonly #ssh: string;
  readonly #warm: string;
  #count = 0;

  constructor(server: SshServer, runs: number) {
    this.#server = server;
    this.#runs = runs;
    fs.mkdirSync(this.host);
    this.#ssh = quoteAll(['ssh', ...server.options, '-p', String(server.port)]);
    this.#warm = quoteAll([
      ...['ssh', ...server.options, '-p', String(server.port)],
      ...['-o', 'ControlMaster=auto', '-o', `ControlPath=${this.place}/control`, '-o', 'ControlPersist=600'],
    ]);
  }

  async rsync(target: string, warm: boolean): Promise<void> {
    await exec('rsync', [
      '-a',
      '-e',
      warm ? this.#warm : this.#ssh,
      `${this.host}/`,
      `root@127.0.0.1:${target}/`,
    ]);
  }

  fresh(): string {
    this.#count += 1;
    return path.join(this.place, `guest-${this.#count}`);
  }

  sync(target: string): { sync: WorkspaceSync; attach: () => Promise<SshConnectionForTests> } {
    const sync = new WorkspaceSync({
      hostFolder: this.host,
      stateFolder: `${target}-state`,
      ignore: [],
      protect: [],
      log: silentLogger,
    });
    const attach = async (): Promise<SshConnectionForTests> => {
      const connection = await this.#server.connect(this.#env);
      await sync.attach({ connection, guestFolder: target, guestId: 'bench' }, silentProgress, signal);
      return connection;
    };
    return { sync, attach };
  }

  async initial(): Promise<void> {
    plant(this.host, files);
    const ours: number[] = [];
    const cold: number[] = [];
    const warm: number[] = [];
    let blocked = 0;
    for (let n = 0; n < this.#runs; n += 1) {
      const rsyncTarget = this.fresh();
      cold.push(await timed(() => this.rsync(rsyncTarget, false)));
      const warmTarget = this.fresh();
      await exec('sh', ['-c', `${this.#warm} root@127.0.0.1 true`]);
      warm.push(await timed(() => this.rsync(warmTarget, true)));
      const target = this.fresh();
      const { sync } = this.sync(target);
      const connection = await this.#server.connect(this.#env);
      const delay = monitorEventLoopDelay({ resolution: 5 });
      delay.enable();
      ours.push(
        await timed(() =>
          sync.attach({ connection, guestFolder: target, guestId: 'bench' }, silentProgress, signal),
        ),
      );
      delay.disable();
      blocked = Math.max(blocked, delay.max / 1e6);
      sync.dispose();
      connection.dispose();
      for (const folder of [rsyncTarget, warmTarget, target])
        fs.rmSync(folder, { recursive: true, force: true });
    }
    const size = `${files} files of 4 KiB, initial`;
    this.rows.push(row(size, 'ms', median(ours), median(cold), 'rsync, cold', '<=0.5'));
    this.rows.push(row(size, 'ms', median(ours), median(warm), 'rsync, warm ControlMaster', '<=0.769'));
    this.rows.push(row('event loop blocked during it, longest', 'ms', blocked, 50, 'the limit', '<=1'));
  }

  async live(): Promise<void> {
    const target = this.fresh();
    const { sync, attach } = this.sync(target);
    const connection = await attach();
    const peer = this.fresh();
    await this.rsync(peer, true);
    await this.#changes(sync, target, peer);
    await this.#burst(sync, target, peer);
    const rescans: number[] = [];
    const noops: number[] = [];
    await pollUntil(() => Promise.resolve(sync.health.state === 'inSync' ? true : undefined), {
      everyMs: 50,
      timeoutMs: 60_000,
      signal,
    });
    for (let n = 0; n < this.#runs + 2; n += 1) {
      const took = await timed(() =>
        sync.carry({ connection, guestFolder: target, guestId: 'bench' }, silentProgress, signal),
      );
      if (n >= 2) rescans.push(took);
      noops.push(await timed(() => this.rsync(peer, true)));
    }
    this.rows.push(
      row(`no-op look at ${files} files`, 'ms', median(rescans), median(noops), 'rsync, warm', '<=0.6'),
    );
    await sync.detach(signal);
    sync.dispose();
    connection.dispose();
  }

  async #changes(sync: WorkspaceSync, target: string, peer: string): Promise<void> {
    const at = 'd0/e0/file-0.txt';
    const rsyncs: number[] = [];
    for (let n = 0; n < this.#runs; n += 1) {
      fs.writeFileSync(path.join(this.host, at), `rsync ${n} ${Math.random()}`);
      rsyncs.push(await timed(() => this.rsync(peer, true)));
    }
    for (const [from, to, name] of [
      [this.host, target, 'host to guest'],
      [target, this.host, 'guest to host'],
    ] as const) {
      const took: number[] = [];
      for (let n = 0; n < 100; n += 1) {
        const text = `${name} ${n} ${Math.random()}`;
        const started = performance.now();
        fs.writeFileSync(path.join(from, at), text);
        await until(() => fs.readFileSync(path.join(to, at), 'utf8') === text);
        took.push(performance.now() - started);
        await until(() => sync.health.pending === 0);
      }
      const what = `one change ${name}, tree of ${files}`;
      this.rows.push(row(`${what}, median`, 'ms', median(took), 5, 'the limit', '<=1'));
      this.rows.push(row(`${what}, p99`, 'ms', quantile(took, 0.99), 25, 'the limit', '<=1'));
      this.rows.push(row(what, 'ms', median(took), median(rsyncs), 'rsync, warm', '<=0.2'));
    }
  }

  async #burst(sync: WorkspaceSync, target: string, peer: string): Promise<void> {
    const ours: number[] = [];
    const rsyncs: number[] = [];
    const changed = fs
      .readdirSync(this.host, { recursive: true, withFileTypes: true })
      .filter((item) => item.isFile())
      .slice(0, 1_000)
      .map((item) => path.relative(this.host, path.join(item.parentPath, item.name)));
    for (let n = 0; n < this.#runs; n += 1) {
      const text = `burst ${n} ${Math.random()} `.padEnd(4_096);
      const started = performance.now();
      for (const at of changed) fs.writeFileSync(path.join(this.host, at), text);
      await until(() => changed.every((at) => fs.readFileSync(path.join(target, at), 'utf8') === text), 2);
      ours.push(performance.now() - started);
      const writing = performance.now();
      for (const at of changed) fs.writeFileSync(path.join(this.host, at), text);
      const wrote = performance.now() - writing;
      rsyncs.push(wrote + (await timed(() => this.rsync(peer, true))));
      await until(() => sync.health.pending === 0);
    }
    this.rows.push(
      row('1,000 files changed at once', 'ms', median(ours), median(rsyncs), 'rsync, warm', '<=0.5'),
    );
  }

  async large(): Promise<void> {
    fs.rmSync(this.host, { recursive: true });
    fs.mkdirSync(this.host);
    const file = path.join(this.host, 'large.bin');
    await exec('dd', ['if=/dev/urandom', `of=${file}`, 'bs=1M', `count=${largeBytes / 1024 ** 2}`]);
    const up: number[] = [];
    const scps: number[] = [];
    const down: number[] = [];
    const cats: number[] = [];
    for (let n = 0; n < this.#runs; n += 1) {
      const target = this.fresh();
      fs.mkdirSync(target);
      const scp = path.join(target, 'scp.bin');
      scps.push(
        await timed(() =>
          exec('scp', [
            ...this.#server.options,
            '-P',
            String(this.#server.port),
            file,
            `root@127.0.0.1:${scp}`,
          ]),
        ),
      );
      cats.push(
        await timed(async () => {
          const copy = fs.openSync(path.join(this.place, 'cat.bin'), 'w');
          const child = spawn(
            'ssh',
            [
              ...this.#server.options,
              '-p',
              String(this.#server.port),
              '-c',
              'aes128-gcm@openssh.com',
              'root@127.0.0.1',
              quoteAll(['cat', scp]),
            ],
            { stdio: ['ignore', copy, 'inherit'] },
          );
          await new Promise((resolve) => child.once('close', resolve));
          fs.closeSync(copy);
        }),
      );
      fs.rmSync(scp);
      fs.rmSync(path.join(this.place, 'cat.bin'));
      const { sync, attach } = this.sync(target);
      const connection = await attach();
      const inner = path.join(target, 'large.bin');
      await until(() => fs.existsSync(inner) && fs.statSync(inner).size === largeBytes, 5);
      await sync.detach(signal);
      connection.dispose();
      up.push(await this.#largeUp(file));
      down.push(await this.#largeDown(target));
      fs.rmSync(target, { recursive: true });
    }
    const size = `a file of ${largeBytes / 1024 ** 2} MiB`;
    this.rows.push(row(`${size}, up`, 'ms', median(up), median(scps), 'scp', '<=0.714'));
    this.rows.push(row(`${size}, down`, 'ms', median(down), median(cats), 'ssh cat, aes128-gcm', '<=1.25'));
  }

  async #largeUp(file: string): Promise<number> {
    const target = this.fresh();
    const { sync } = this.sync(target);
    const connection = await this.#server.connect(this.#env);
    fs.utimesSync(file, new Date(), new Date());
    const took = await timed(() =>
      sync.carry({ connection, guestFolder: target, guestId: 'bench' }, silentProgress, signal),
    );
    sync.dispose();
    connection.dispose();
    fs.rmSync(target, { recursive: true });
    return took;
  }

  async #largeDown(from: string): Promise<number> {
    const host = this.fresh();
    fs.mkdirSync(host);
    const sync = new WorkspaceSync({
      hostFolder: host,
      stateFolder: `${host}-state`,
      ignore: [],
      protect: [],
      log: silentLogger,
    });
    const connection = await this.#server.connect(this.#env);
    const took = await timed(() =>
      sync.carry({ connection, guestFolder: from, guestId: 'bench' }, silentProgress, signal),
    );
    sync.dispose();
    connection.dispose();
    fs.rmSync(host, { recursive: true });
    return took;
  }

  dispose(): void {
    execFile('sh', ['-c', `${this.#warm} -O exit root@127.0.0.1`], () => undefined);
    fs.rmSync(this.place, { recursive: true, force: true });
  }
}

async function until(condition: () => boolean, everyMs = 0): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('It took more than a minute.');
    await new Promise((resolve) => (everyMs === 0 ? setImmediate(resolve) : setTimeout(resolve, everyMs)));
  }
}

/**
 * The workspace sync over a real sshd on this computer, beside rsync and scp in the same run. For a part of
 * it alone: `BENCH_PARTS` (of initial, live, large), `BENCH_FILES`, `BENCH_LARGE_MIB`, `BENCH_FOLDER`.
 */
export async function syncSuite({ runs }: BenchOptions): Promise<Report> {
  const server = await SshServer.start(['MaxStartups 100']);
  const bench = new Bench(server, runs);
  const parts = (process.env['BENCH_PARTS'] ?? 'initial,live,large').split(',');
  try {
    if (parts.includes('initial')) await bench.initial();
    if (parts.includes('live')) await bench.live();
    if (parts.includes('large')) await bench.large();
    return { suite: 'sync', rows: bench.rows };
  } finally {
    bench.dispose();
    await server.stop();
  }
}
