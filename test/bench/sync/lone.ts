/**
 * One sync in a process of its own, which stands for the extension host: its event loop, its memory and its
 * processor time are the sync's alone. Arguments: port, key, host folder, guest folder, the guest's state
 * folder, seconds to be idle. Prints a `Lone`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger } from '../../../src/base/log.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { WorkspaceSync } from '../../../src/sync/workspaceSync.ts';
import { connectToTestServer } from '../../engines/support/sshServer.ts';
import { median } from '../harness.ts';
import type { Lone } from './scale.ts';

const [port = '', key = '', host = '', guest = '', guestState = '', idleSeconds = ''] = process.argv.slice(2);
const signal = AbortSignal.timeout(10 * 60_000);
const connection = await connectToTestServer(Number(port), key, { XDG_STATE_HOME: guestState });
const sync = new WorkspaceSync({
  ...{ hostFolder: host, stateFolder: `${guest}-state`, ignore: [], protect: [], log: silentLogger },
});
const request = { connection, guestFolder: guest, guestId: 'lone' };
const resident = (): number => {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 1024 ** 2;
};
const before = resident();
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
const idle = process.cpuUsage();
await delay(Number(idleSeconds) * 1_000);
const { user, system } = process.cpuUsage(idle);
const found: Lone = {
  initial,
  rescan: median(rescans),
  blocked,
  memory,
  idleCpu: (user + system) / 1_000,
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
