import { setTimeout as delay } from 'node:timers/promises';
import { isCancellation } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Runner } from '../../base/process.ts';
import { virshCommands } from '../../engines/virsh.ts';
import { parseEvent } from '../../engines/virshAnswers.ts';

/** Pauses before libvirt is listened to again, in milliseconds; the last one stays. */
const pausesMs = [250, 1_000, 1_000, 1_000, 1_000, 5_000];

/**
 * Listens to what happens to libvirt's machines, until the signal fires; never rejects. Where libvirt goes away it is
 * listened for again.
 * @param onChange called with each beginning and end of a machine, and for what may have been missed: when libvirt is
 *   heard, also the first time, and when it cannot be reached any more
 */
export async function listenToDomains(
  runner: Runner,
  log: Logger,
  onChange: () => void,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    let lines = 0;
    try {
      await runner.run(virshCommands.events(), {
        signal,
        onLine: (line) => {
          // What stands before the first event says that libvirt is there.
          if (lines === 0 || parseEvent(line)?.event === 'lifecycle') onChange();
          lines += 1;
        },
      });
    } catch (error) {
      if (isCancellation(error)) return;
      log.debug(`virsh event: ${String(error)}`);
    }
    if (lines > 0) failures = 0;
    if (failures === 0) onChange();
    await delay(pausesMs[Math.min(failures, pausesMs.length - 1)], undefined, { signal }).catch(
      () => undefined,
    );
  }
}
