import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PathRules } from '../../../src/sync/patterns.ts';
import { HostWatcher } from '../../../src/sync/host/hostWatcher.ts';
import { median } from '../harness.ts';
import { plant, type Place } from './place.ts';

/** What `lone.ts` found in a process of its own; times in milliseconds, memory in MiB. */
export interface Lone {
  readonly initial: number;
  readonly rescan: number;
  readonly blocked: number;
  /** Of the extension host, and of the sync's own process. */
  readonly memory: number;
  readonly memoryApart: number;
  readonly idleCpu: number;
}

const limit = { peerName: 'the limit', goal: '<=1' };

/** How it grows with the number of files, and what it costs while nothing happens. */
export async function scale(place: Place, few: number, many: number): Promise<void> {
  const small = await lone(place, few, 0);
  const large = await lone(place, many, 60);
  const each = { unit: 'µs a file', goal: '<=1' };
  for (const what of ['initial', 'rescan'] as const) {
    place.row({
      ...each,
      ...{ name: `${many} files, ${what}`, ours: (large[what] * 1_000) / many },
      ...{ peer: (small[what] * 1_000) / few, peerName: `${few} files` },
    });
  }
  const named = { ...limit, unit: 'ms' };
  place.row({
    ...named,
    name: `event loop held in one piece, initial of ${many}, longest`,
    ours: large.blocked,
    peer: 50,
  });
  const memory = { ...limit, unit: 'MiB more', peer: 150 };
  place.row({ ...memory, name: `memory of the extension host with ${many} files`, ours: large.memory });
  // Nobody asked for this one; it is where the rest has gone.
  place.row({
    ...memory,
    name: `memory of the sync's own process with ${many} files`,
    ours: large.memoryApart,
  });
  place.row({ ...named, name: `processor in an idle minute, ${many} files`, ours: large.idleCpu, peer: 60 });
}

/** A watch of its own for each folder, and how long until all of them stand. */
export function watcher(place: Place, files: number): void {
  const folder = place.fresh();
  plant(folder, files);
  const folders =
    1 +
    fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((item) => item.isDirectory())
      .length;
  const took: number[] = [];
  let watches = 0;
  for (let n = 0; n < place.runs; n += 1) {
    const events = { paths: () => undefined, anywhere: () => undefined, exhausted: () => undefined };
    const began = performance.now();
    const watching = new HostWatcher(folder, PathRules.parse([]), events);
    took.push(performance.now() - began);
    ({ watches } = watching);
    watching.close();
  }
  fs.rmSync(folder, { recursive: true });
  place.row({
    ...limit,
    name: `watching ${files} files, ready`,
    unit: 'ms',
    ours: median(took),
    peer: files / 200,
  });
  place.row({
    ...{ name: `watching ${files} files`, unit: 'watches', ours: watches, peer: folders },
    ...{ peerName: 'folders', goal: '<=1' },
  });
}

async function lone(place: Place, files: number, idleSeconds: number): Promise<Lone> {
  const [host, guest] = [place.fresh(), place.fresh()];
  plant(host, files);
  const { port, key } = place.server;
  const script = fileURLToPath(new URL('./lone.ts', import.meta.url));
  const args = [
    script,
    String(port),
    key,
    host,
    guest,
    path.join(place.folder, 'guest-state'),
    String(idleSeconds),
  ];
  const output = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, ['--expose-gc', ...args], (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message} ${stderr}`));
      else resolve(stdout);
    });
  });
  return JSON.parse(output) as Lone;
}
