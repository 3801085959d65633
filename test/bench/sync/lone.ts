/**
 * Stands for the extension host of one sync: its event loop, its memory and its processor time are what that costs
 * there. The sync's own process is looked at beside it. Arguments: port, key, host folder, guest folder, the guest's state
 * folder, seconds to be idle. Prints a `Lone`.
 */
import * as fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger } from '../../../src/base/log.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { ApartSync } from '../../../src/sync/apart/apartSync.ts';
import { connectToTestServer } from '../../engines/support/sshServer.ts';
import { median } from '../harness.ts';
import { processorMs } from './place.ts';
import type { Lone } from './scale.ts';

const [port = '', key = '', host = '', guest = '', guestState = '', idleSeconds = ''] = process.argv.slice(2);
const signal = AbortSignal.timeout(10 * 60_000);
const connection = await connectToTestServer(Number(port), key, { XDG_STATE_HOME: guestState });
const sync = new ApartSync({
  ...{ hostFolder: host, stateFolder: `${guest}-state`, ignore: [], protect: [], log: silentLogger },
});
const request = { connection, guestFolder: guest, guestId: 'lone' };
const resident = (): number => {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 1024 ** 2;
};
/** Of the sync's own process, in MiB (proc(5)). */
const residentApart = (): number => {
  const status = fs.readFileSync(`/proc/${sync.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
};
sync.prepare();
await delay(1_000);
const before = resident();
const beforeApart = residentApart();
const held = heldMost();
const began = performance.now();
await sync.attach(request, silentProgress, signal);
const initial = performance.now() - began;
const blocked = held();
const rescans: number[] = [];
for (let n = 0; n < 5; n += 1) {
  const from = performance.now();
  await sync.carry(request, silentProgress, signal);
  rescans.push(performance.now() - from);
}
// Until what was written lately has been looked at again, and the baseline is on the disk.
while (sync.health.state !== 'inSync') await delay(100);
await sync.flush(signal);
await delay(Number(idleSeconds) > 0 ? 15_000 : 0);
const memory = resident() - before;
const memoryApart = residentApart() - beforeApart;
const idle = processorMs();
await delay(Number(idleSeconds) * 1_000);
const idleCpu = processorMs() - idle;
const found: Lone = {
  initial,
  rescan: median(rescans),
  blocked,
  memory,
  memoryApart,
  idleCpu,
};
console.log(JSON.stringify(found));
await sync.detach(signal);
sync.dispose();
connection.dispose();

/**
 * Watches how long, in milliseconds, this thread's own work holds the event loop: the most processor time
 * that it takes from one beat of a timer to the next. (Time by the clock would count besides how long other
 * programs had the processor.)
 * @returns ends it, and tells
 */
function heldMost(): () => number {
  const used = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1_000;
  };
  let [most, last] = [0, used()];
  const timer = setInterval(() => {
    const now = used();
    most = Math.max(most, now - last);
    last = now;
  }, 1);
  return () => {
    clearInterval(timer);
    return most;
  };
}
