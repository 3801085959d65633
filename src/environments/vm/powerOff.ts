import { pollUntil } from '../../base/abort.ts';

/** How often to look whether it is off, in milliseconds. */
const lookMs = 250;

/** After how long to ask a guest again: one that is only just starting does not hear, in milliseconds. */
const askAgainMs = 5_000;

/**
 * Asks a machine to power off until it does.
 * @param machine `ask` may be refused by one that has gone meanwhile
 * @param forMs how long it may take, in milliseconds
 * @returns false where it did not
 */
export async function powerOff(
  machine: { readonly isOff: () => Promise<boolean>; readonly ask: () => Promise<unknown> },
  forMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  let asked = -Infinity;
  const goes = async (): Promise<true | undefined> => {
    if (await machine.isOff()) return true;
    if (performance.now() - asked < askAgainMs) return undefined;
    asked = performance.now();
    try {
      await machine.ask();
    } catch (error) {
      // Between the look and the word it may have gone.
      if (!(await machine.isOff())) throw error;
    }
    return undefined;
  };
  return (await pollUntil(goes, { everyMs: lookMs, timeoutMs: forMs, signal })) ?? false;
}
