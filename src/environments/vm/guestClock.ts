import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';

/** What the guest's clock may be off by, in milliseconds. Builds and syncs go by whole seconds. */
const toleranceMs = 1_000;

/**
 * Sets the guest's clock, which stood still while the machine was suspended. A guest in software emulation
 * may be slow to get there, and is off by as much at most: where that is too long it is set once more.
 */
export async function setGuestClock(connection: Connection, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const sent = Date.now();
    // One program and no shell around it: in software emulation each one costs a fifth of a second.
    const argv = ['date', '-u', '-s', `@${(sent / 1000).toFixed(3)}`];
    await run(connection, { argv, user: 'root', cwd: '/' }, signal);
    if (Date.now() - sent < toleranceMs) return;
  }
}
