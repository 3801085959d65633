import { pollUntil } from '../../base/abort.ts';
import type { Logger } from '../../base/log.ts';
import type { DomainInfo } from '../../engines/virshAnswers.ts';
import type { MachineAddress } from './machineAddress.ts';

/** How often to look, in milliseconds. */
const lookMs = 2_000;

/** What is asked of the machine. */
export interface Watched {
  readonly info: (signal: AbortSignal) => Promise<DomainInfo | undefined>;
  readonly address: (signal: AbortSignal) => Promise<MachineAddress | undefined>;
}

/**
 * Gives up on a machine that runs and asks for no address; Vagrant itself would wait for ten minutes.
 * @param bounds `timeoutMs`: how long it may run without one, in milliseconds
 * @param signal ends the watch; it never rejects
 */
export async function abortDeaf(
  machine: Watched,
  giveUp: AbortController,
  { timeoutMs, log }: { readonly timeoutMs: number; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  let runsSince: number | undefined;
  const look = async (): Promise<true | undefined> => {
    const info = await machine.info(signal);
    if (info?.state !== 'running') return undefined;
    runsSince ??= performance.now();
    if ((await machine.address(signal)) !== undefined) return true;
    if (performance.now() - runsSince > timeoutMs) giveUp.abort();
    return undefined;
  };
  try {
    await pollUntil(look, { everyMs: lookMs, timeoutMs: Infinity, signal });
  } catch (error) {
    // Only Vagrant's own end says how it went.
    if (!signal.aborted) log.warn(`The machine's address: ${String(error)}`);
  }
}
