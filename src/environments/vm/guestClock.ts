import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';

/** What the guest's clock may be off by, in milliseconds. Builds and syncs go by whole seconds. */
const toleranceMs = 1_000;

/**
 * Sets the guest's clock, which stood still while the machine was suspended. A guest in software emulation
 * may answer late, so what was set is looked at, and set once more where it took too long to get there.
 */
export async function setGuestClock(connection: Connection, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const sent = Date.now();
    // One program that sets and looks: in software emulation each one costs.
    const script = 'date -u -s "$1" > /dev/null && date +%s.%N';
    const argv = ['sh', '-c', script, 'sh', `@${(sent / 1000).toFixed(3)}`];
    const { stdout } = await run(connection, { argv, user: 'root', cwd: '/' }, signal);
    if (Math.abs(Date.now() - Number(stdout.toString('utf8')) * 1000) < toleranceMs) return;
  }
}
