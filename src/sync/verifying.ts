import type { BytePath } from './path.ts';

/** How long after the last change what was written is looked at once more, in milliseconds: longer than `racyNs`. */
const soonestMs = 2_500;
/** How many at a time: so few that a change made meanwhile does not wait for them longer than `ms`. */
const atATime = { least: 16, most: 512, ms: 10 };

/**
 * What was written so lately that its times and size do not prove its content, and is read once more when
 * nothing else is to be done. Decides when, and how much at a time.
 */
export class Verifying {
  readonly #latestMs: number;
  #paths: BytePath[] = [];
  #count = atATime.least;
  #waitMs = soonestMs;
  #lastCount = Infinity;

  /** @param latestMs the longest that it waits before it looks again, in milliseconds */
  constructor(latestMs: number) {
    this.#latestMs = latestMs;
  }

  /** How many paths wait to be looked at. */
  get size(): number {
    return this.#paths.length;
  }

  /** In milliseconds from now, when to call `begin`. */
  get waitMs(): number {
    return this.#waitMs;
  }

  /** Takes up everything that is not proven. */
  begin(racy: Iterable<BytePath>): void {
    const paths = [...racy];
    // A clock that was set back makes files look new for long: look ever more rarely.
    const noBetter = paths.length >= this.#lastCount && paths.length > 0;
    this.#waitMs = noBetter ? Math.min(this.#waitMs * 2, this.#latestMs) : soonestMs;
    this.#lastCount = paths.length;
    this.#paths = paths;
  }

  /** The next few. */
  take(): BytePath[] {
    return this.#paths.splice(-this.#count);
  }

  /** @param ms how long the last few took, in milliseconds */
  pace(ms: number): void {
    const next = ms > atATime.ms ? this.#count / 2 : this.#count * 2;
    this.#count = Math.min(atATime.most, Math.max(atATime.least, next));
  }
}
