import * as fs from 'node:fs';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import { silentProgress } from '../../../src/base/progress.ts';
import { quoteAll } from '../../../src/base/shell.ts';
import { output } from '../../engines/support/vm.ts';
import { SyncMachine } from '../../syncFaults/support/syncMachine.ts';
import { median, rowOf, type Row } from '../harness.ts';
import { exec, plant, signal, standBy, timed } from './place.ts';
import { ApartSync } from '../../../src/sync/apart/apartSync.ts';
import { silentLogger } from '../../../src/base/log.ts';

const changes = Number(process.env['BENCH_CHANGES'] ?? 40);
const at = 'd0/e0/file-0.txt';

/**
 * Somebody in the guest: tells what a file holds whenever it was changed, and writes into it what it is told.
 * Arguments: the file. The mask is CLOSE_WRITE and MOVED_TO.
 */
const somebody = `
import ctypes, os, select, sys
file = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init()
libc.inotify_add_watch(fd, os.path.dirname(file).encode(), 0x8 | 0x80 | 0x100)
print('ready', flush=True)
while True:
    ready = select.select([0, fd], [], [])[0]
    if 0 in ready:
        line = os.read(0, 4096).decode().strip()
        if not line:
            break
        with open(file, 'w') as f:
            f.write(line)
    if fd in ready:
        os.read(fd, 65536)
        try:
            print(open(file).read(), flush=True)
        except FileNotFoundError:
            pass
`;

/** The rows of a real machine, beside rsync into the same one; files as many as are told. */
export async function vmPass(runs: number, files: number): Promise<readonly Row[]> {
  const machine = await SyncMachine.start();
  try {
    return await new VmPass(machine, runs, files).run();
  } finally {
    await machine.end();
  }
}

class VmPass {
  readonly #machine: SyncMachine;
  readonly #runs: number;
  readonly #files: number;
  readonly #host: string;
  readonly #rows: Row[] = [];
  readonly #cold: string;
  readonly #warm: string;
  readonly #remote: string;

  constructor(machine: SyncMachine, runs: number, files: number) {
    this.#machine = machine;
    this.#runs = runs;
    this.#files = files;
    this.#host = path.join(machine.folder, 'bench');
    fs.mkdirSync(this.#host);
    plant(this.#host, files);
    const { options, address } = machine.openSsh;
    this.#remote = address;
    this.#cold = quoteAll(['ssh', ...options]);
    const control = ['-o', 'ControlMaster=auto', '-o', `ControlPath=${machine.folder}/control`];
    this.#warm = quoteAll(['ssh', ...options, ...control, '-o', 'ControlPersist=600']);
  }

  async run(): Promise<readonly Row[]> {
    try {
      await this.#rsync('/home/dev/first', this.#cold);
      await this.#initial();
      await this.#live();
      return this.#rows;
    } finally {
      await exec('sh', ['-c', `${this.#warm} -O exit ${this.#remote} || true`]);
    }
  }

  #row(measured: Omit<Row, 'ratio' | 'met'>): void {
    const row = rowOf(measured);
    this.#rows.push(row);
    const { name, ours, unit, peerName, peer, ratio, goal } = row;
    process.stderr.write(
      `${name}: ours ${ours.toFixed(1)} ${unit}, ${peerName} ${peer.toFixed(1)}: ${ratio.toFixed(3)} (${goal})\n`,
    );
  }

  async #rsync(target: string, ssh: string, back = false): Promise<void> {
    const there = `${this.#remote}:${target}/`;
    const [from, to] = back ? [there, `${this.#host}/`] : [`${this.#host}/`, there];
    await exec('rsync', ['-a', '-e', ssh, from, to]);
  }

  #sync(name: string): ApartSync {
    return new ApartSync({
      ...{ hostFolder: this.#host, stateFolder: path.join(this.#machine.folder, name) },
      ...{ ignore: [], protect: [], log: silentLogger },
    });
  }

  async #initial(): Promise<void> {
    const took = { ours: [] as number[], cold: [] as number[], warm: [] as number[] };
    for (let n = 0; n < this.#runs; n += 1) {
      const place = `/home/dev/initial-${n}`;
      const sync = this.#sync(`initial-${n}`);
      await standBy(sync);
      const connection = await this.#machine.connect({ XDG_STATE_HOME: `${place}/state` });
      await output(connection, ['mkdir', '-p', place], { cwd: '/' });
      took.cold.push(await timed(() => this.#rsync(`${place}/cold`, this.#cold)));
      await exec('sh', ['-c', `${this.#warm} ${this.#remote} true`]);
      took.warm.push(await timed(() => this.#rsync(`${place}/warm`, this.#warm)));
      const request = { connection, guestFolder: `${place}/ours`, guestId: 'bench' };
      took.ours.push(await timed(() => sync.attach(request, silentProgress, signal)));
      sync.dispose();
      await output(connection, ['rm', '-rf', place], { cwd: '/' });
      connection.dispose();
    }
    const measured = {
      name: `VM: ${this.#files} files of 4 KiB, initial`,
      ...{ unit: 'ms', ours: median(took.ours) },
    };
    this.#row({ ...measured, peer: median(took.cold), peerName: 'rsync, cold', goal: '<=0.5' });
    this.#row({
      ...{ ...measured, peer: median(took.warm), peerName: 'rsync, warm ControlMaster', goal: '<=0.769' },
    });
  }

  async #live(): Promise<void> {
    const [place, peer] = ['/home/dev/live', '/home/dev/live-rsync'];
    const connection = await this.#machine.connect({ XDG_STATE_HOME: `${place}-state` });
    const sync = this.#sync('live');
    const request = { connection, guestFolder: place, guestId: 'bench' };
    await sync.attach(request, silentProgress, signal);
    await this.#rsync(peer, this.#warm);
    await sync.flush(signal);
    const rescans: number[] = [];
    const noops: number[] = [];
    for (let n = 0; n < this.#runs; n += 1) {
      rescans.push(await timed(() => sync.carry(request, silentProgress, signal)));
      noops.push(await timed(() => this.#rsync(peer, this.#warm)));
    }
    this.#row({
      ...{ name: `VM: no-op look at ${this.#files} files`, unit: 'ms', ours: median(rescans) },
      ...{ peer: median(noops), peerName: 'rsync, warm', goal: '<=0.6' },
    });
    const rsyncs: number[] = [];
    for (let n = 0; n < this.#runs; n += 1) {
      fs.writeFileSync(path.join(this.#host, at), `rsync ${n} ${Math.random()}`);
      rsyncs.push(await timed(() => this.#rsync(peer, this.#warm)));
    }
    await this.#changes(connection, `${place}/${at}`, median(rsyncs));
    await sync.detach(signal);
    sync.dispose();
    connection.dispose();
  }

  /** One change each way; each figure holds besides the way of what tells or asks in the guest. */
  async #changes(
    connection: Awaited<ReturnType<SyncMachine['connect']>>,
    remote: string,
    rsync: number,
  ): Promise<void> {
    const program = await connection.exec({ argv: ['python3', '-c', somebody, remote], cwd: '/' }, signal);
    program.stderr.resume();
    const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
    await lines.next();
    const out: number[] = [];
    const back: number[] = [];
    const file = path.join(this.#host, at);
    for (let n = 0; n < changes; n += 1) {
      const sent = `out ${n} ${Math.random()}`;
      const began = performance.now();
      fs.writeFileSync(file, sent);
      while ((await lines.next()).value !== sent);
      out.push(performance.now() - began);
      const answer = `back ${n} ${Math.random()}`;
      const visible = new Promise<void>((resolve) => {
        const watcher = fs.watch(path.dirname(file), () => {
          if (fs.readFileSync(file, 'utf8') !== answer) return;
          watcher.close();
          resolve();
        });
      });
      const asked = performance.now();
      program.stdin.write(`${answer}\n`);
      await visible;
      back.push(performance.now() - asked);
      while ((await lines.next()).value !== answer);
    }
    program.dispose();
    for (const [name, took] of [
      ['host to guest', out],
      ['guest to host', back],
    ] as const) {
      this.#row({
        ...{ name: `VM: one change ${name}, tree of ${this.#files}`, unit: 'ms', ours: median(took) },
        ...{ peer: rsync, peerName: 'rsync, warm', goal: '<=0.2' },
      });
    }
  }
}
