import type { Logger } from '../base/log.ts';
import type { Timers } from '../base/timers.ts';
import type { Baseline } from './baseline.ts';
import type { Sides } from './transfer.ts';

/**
 * How long after the last change, in milliseconds, it is made good for ever; and after the first, however
 * many follow. Not in the midst of them: until a disk is written through, whoever writes there waits.
 */
const settleMs = { afterLast: 1_000, afterFirst: 10_000 };

export interface SettlingParts {
  readonly sides: Sides;
  readonly baseline: Baseline;
  readonly log: Logger;
  readonly timers: Timers;
  /** True while the guest cannot answer. */
  readonly isHeld: () => boolean;
  /** Fires when the session ends. */
  readonly signal: AbortSignal;
}

/** Makes good for ever what both sides acknowledged, when nothing changed for a moment. */
export class Settling {
  readonly #parts: SettlingParts;
  #steppedAt = 0;

  constructor(parts: SettlingParts) {
    this.#parts = parts;
  }

  /** Both disks are written through before the baseline on disk says what they hold. */
  async now(signal: AbortSignal): Promise<void> {
    const { sides, baseline, isHeld } = this.#parts;
    const pending = await baseline.pending();
    if (pending.size === 0 || isHeld()) return;
    await Promise.all([sides.host.settle(signal), sides.guest.settle(signal)]);
    await baseline.commit(pending);
  }

  /** A step was done. */
  soon(): void {
    this.#steppedAt = performance.now();
    if (this.#parts.baseline.hasUncommitted) this.#wait(this.#steppedAt);
  }

  #wait(first: number): void {
    this.#parts.timers.later('settle', settleMs.afterLast, () => {
      const now = performance.now();
      const isCalm = now - this.#steppedAt >= settleMs.afterLast;
      if (isCalm || now - first >= settleMs.afterFirst) void this.#quietly();
      else this.#wait(first);
    });
  }

  async #quietly(): Promise<void> {
    const { log, signal } = this.#parts;
    try {
      await this.now(signal);
    } catch (error) {
      // The baseline on disk stays the older one, which costs the next start a comparison and no data.
      if (!signal.aborted) log.warn(`Sync: the baseline was not written: ${String(error)}`);
    }
  }
}
