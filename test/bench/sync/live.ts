import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { silentProgress } from '../../../src/base/progress.ts';
import type { ApartSync } from '../../../src/sync/apart/apartSync.ts';
import { Worker } from 'node:worker_threads';
import { median, quantile } from '../harness.ts';
import { plant, quiet, signal, timed, until, type Place } from './place.ts';

/** Enough that the hundredth part of them is not the one worst. */
const changes = Number(process.env['BENCH_CHANGES'] ?? 400);

/** What happens while a session lives: one change, many changes, and a look that finds nothing. */
export async function live(place: Place, files: number): Promise<void> {
  if (fs.readdirSync(place.host).length === 0) plant(place.host, files);
  const [target, peer] = [place.fresh(), place.fresh()];
  const sync = place.sync(place.host, `${target}-state`);
  const connection = await place.connect();
  const request = { connection, guestFolder: target, guestId: 'bench' };
  await sync.attach(request, silentProgress, signal);
  await place.rsync(peer, 'warm');
  await quiet();
  await oneChange(place, sync, { target, peer, files });
  await burst(place, sync, { target, peer });
  await quiet();
  const rescans: number[] = [];
  const noops: number[] = [];
  for (let n = 0; n < place.runs + 2; n += 1) {
    const took = await timed(() => sync.carry(request, silentProgress, signal));
    if (n >= 2) rescans.push(took);
    noops.push(await timed(() => place.rsync(peer, 'warm')));
  }
  place.row({
    ...{ name: `no-op look at ${files} files`, unit: 'ms', ours: median(rescans) },
    ...{ peer: median(noops), peerName: 'rsync, warm', goal: '<=0.6' },
  });
  await sync.detach(signal);
  sync.dispose();
  connection.dispose();
}

async function oneChange(
  place: Place,
  sync: ApartSync,
  { target, peer, files }: { target: string; peer: string; files: number },
): Promise<void> {
  const at = 'd0/e0/file-0.txt';
  const rsyncs: number[] = [];
  for (let n = 0; n < place.runs; n += 1) {
    fs.writeFileSync(path.join(place.host, at), `rsync ${n} ${Math.random()}`);
    rsyncs.push(await timed(() => place.rsync(peer, 'warm')));
  }
  for (const [from, to, name] of [
    [place.host, target, 'host to guest'],
    [target, place.host, 'guest to host'],
  ] as const) {
    const took: number[] = [];
    const file = path.join(to, at);
    let seen: () => void = () => undefined;
    // Whoever waits in a loop takes the processor from what is measured.
    const watcher = fs.watch(path.dirname(file), () => seen());
    for (let n = 0; n < changes; n += 1) {
      const text = `${name} ${n} ${Math.random()}`;
      const visible = new Promise<void>((resolve) => {
        seen = () => {
          if (fs.readFileSync(file, 'utf8') === text) resolve();
        };
      });
      fs.writeFileSync(path.join(from, at), text);
      const started = performance.now();
      await visible;
      took.push(performance.now() - started);
      await until(() => sync.health.pending === 0);
    }
    watcher.close();
    const what = `one change ${name}, tree of ${files}`;
    const [middle, high] = [median(took), quantile(took, 0.99)];
    const limit = { unit: 'ms', peerName: 'the limit', goal: '<=1' };
    place.row({ ...limit, name: `${what}, median`, ours: middle, peer: 5 });
    place.row({ ...limit, name: `${what}, p99`, ours: high, peer: 25 });
    place.row({
      ...{ name: what, unit: 'ms', ours: middle },
      ...{ peer: median(rsyncs), peerName: 'rsync, warm', goal: '<=0.2' },
    });
  }
}

/** Stands for the program that changes files: it does not run on the event loop of the sync. */
class OtherProgram {
  readonly #worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
    const { writeFileSync } = require('node:fs');
    parentPort.on('message', ({ files, text }) => {
      for (const file of files) writeFileSync(file, text);
      parentPort.postMessage('done');
    });`,
    { eval: true },
  );

  async write(files: readonly string[], text: string): Promise<void> {
    const done = once(this.#worker, 'message');
    this.#worker.postMessage({ files, text });
    await done;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

async function burst(
  place: Place,
  sync: ApartSync,
  { target, peer }: { target: string; peer: string },
): Promise<void> {
  const changed = fs
    .readdirSync(place.host, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .slice(0, 1_000)
    .map((item) => path.relative(place.host, path.join(item.parentPath, item.name)));
  const files = changed.map((at) => path.join(place.host, at));
  const program = new OtherProgram();
  const ours: number[] = [];
  const rsyncs: number[] = [];
  for (let n = 0; n < place.runs; n += 1) {
    const text = `burst ${n} ${Math.random()} `.padEnd(4_096);
    const change = (): Promise<void> => program.write(files, text);
    let there = 0;
    const arrived = (): boolean => {
      while (there < changed.length) {
        if (fs.readFileSync(path.join(target, changed[there] ?? ''), 'utf8') !== text) return false;
        there += 1;
      }
      return true;
    };
    ours.push(await timed(() => Promise.all([change(), until(arrived)])));
    await until(() => sync.health.pending === 0);
    sync.pause();
    rsyncs.push(
      await timed(async () => {
        await change();
        await place.rsync(peer, 'warm');
      }),
    );
    sync.resume();
    await until(() => sync.health.state === 'inSync', 20);
  }
  await program.end();
  place.row({
    ...{ name: '1,000 files changed at once', unit: 'ms', ours: median(ours) },
    ...{ peer: median(rsyncs), peerName: 'rsync, warm', goal: '<=0.5' },
  });
}
