import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { quoteAll } from '../../../src/base/shell.ts';
import { median } from '../harness.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { exec, signal, standBy, timed, type Place } from './place.ts';

/** One file of `mib` MiB into an empty guest, and out of it into an empty host folder. */
export async function large(place: Place, mib: number): Promise<void> {
  const [source, scpTarget, copy] = [place.fresh(), place.fresh(), path.join(place.folder, 'cat.bin')];
  for (const folder of [source, scpTarget]) fs.mkdirSync(folder);
  const file = path.join(source, 'large.bin');
  await exec('dd', ['if=/dev/urandom', `of=${file}`, 'bs=1M', `count=${mib}`]);
  const { options, port } = place.server;
  const remote = path.join(scpTarget, 'large.bin');
  const took = { up: [] as number[], scp: [] as number[], down: [] as number[], cat: [] as number[] };
  for (let n = 0; n < place.runs; n += 1) {
    const [guest, host] = [place.fresh(), place.fresh()];
    await written();
    took.scp.push(
      await timed(() => exec('scp', [...options, '-P', String(port), file, `root@127.0.0.1:${remote}`])),
    );
    await written();
    took.up.push(await bring(place, source, guest));
    await written();
    const cat = quoteAll(['cat', remote]);
    took.cat.push(
      await timed(() =>
        intoFile([...options, '-p', String(port), '-c', 'aes128-gcm@openssh.com'], cat, copy),
      ),
    );
    fs.rmSync(copy);
    fs.mkdirSync(host);
    await written();
    took.down.push(await bring(place, host, guest));
    for (const folder of [guest, host]) fs.rmSync(folder, { recursive: true });
  }
  for (const folder of [source, scpTarget]) fs.rmSync(folder, { recursive: true });
  place.row({
    ...{ name: `a file of ${mib} MiB, up`, unit: 'ms', ours: median(took.up) },
    ...{ peer: median(took.scp), peerName: 'scp', goal: '<=0.714' },
  });
  place.row({
    ...{ name: `a file of ${mib} MiB, down`, unit: 'ms', ours: median(took.down) },
    ...{ peer: median(took.cat), peerName: 'ssh cat, aes128-gcm', goal: '<=1.25' },
  });
}

/** Nothing is left to be written to the disk of what came before, which would be written while the next is measured. */
async function written(): Promise<void> {
  await exec('sync');
}

/** How long, in milliseconds, from the open connection to the report that the file is there: as `initial`. */
async function bring(place: Place, host: string, guest: string): Promise<number> {
  const sync = place.sync(host, `${guest}-state`);
  await standBy(sync);
  const connection = await place.connect();
  const request = { connection, guestFolder: guest, guestId: 'bench' };
  try {
    return await timed(() => sync.attach(request, silentProgress, signal));
  } finally {
    sync.dispose();
    connection.dispose();
  }
}

async function intoFile(options: readonly string[], command: string, to: string): Promise<void> {
  const file = fs.openSync(to, 'w');
  const child = spawn('ssh', [...options, 'root@127.0.0.1', command], { stdio: ['ignore', file, 'inherit'] });
  const code = await new Promise((resolve) => child.once('close', resolve));
  fs.closeSync(file);
  if (code !== 0) throw new Error(`ssh ended with ${String(code)}.`);
}
