import { withDeadline } from '../../base/abort.ts';
import type { Logger } from '../../base/log.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';

/** Bound on writing out what a machine holds in its memory yet, in milliseconds. */
const writeOutMs = 10_000;

/**
 * Brings what was written in a machine to its disks: what is on record on the host must not be what a power cut takes
 * from the guest. A machine that cannot do it within a bound goes on all the same.
 * @param what that a power cut may take otherwise, for the log
 * @throws whatever the signal's reason is when it fires
 */
export async function writeOut(
  connection: Connection,
  what: string,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { code, stderr } = await run(
      connection,
      { argv: ['sync'], cwd: '/' },
      withDeadline(signal, writeOutMs),
    );
    if (code !== 0) throw new Error(`sync: ${code} ${stderr.toString()}`);
  } catch (error) {
    signal.throwIfAborted();
    log.warn(`A power cut may take ${what}: ${String(error)}`);
  }
}
