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
    const answer = await run(connection, { argv: ['date', '+%s.%N'], cwd: '/' }, signal);
    const lag = (Date.now() - sent) / 2;
    const offset = sent + lag - Number(answer.stdout.toString('utf8')) * 1000;
    if (!(Math.abs(offset) > toleranceMs)) return;
    const time = `@${((Date.now() + lag) / 1000).toFixed(3)}`;
    await run(connection, { argv: ['date', '--utc', '--set', time], user: 'root', cwd: '/' }, signal);
  }
}
