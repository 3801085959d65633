import type { Disposable } from './disposable.ts';

/** Timers by name, of which each runs once at a time; all of them end with their owner. */
export class Timers implements Disposable {
  readonly #running = new Map<string, NodeJS.Timeout>();
  #ended = false;

  /** Runs it once, after `ms` milliseconds; nothing where one of that name is waiting already. */
  later(name: string, ms: number, then: () => void): void {
    if (this.#running.has(name) || this.#ended) return;
    const timer = setTimeout(() => {
      this.#running.delete(name);
      then();
    }, ms);
    this.#running.set(name, timer);
  }

  /** Runs it again and again, with `ms` milliseconds in between. */
  every(name: string, ms: number, then: () => void): void {
    this.later(name, ms, () => {
      then();
      this.every(name, ms, then);
    });
  }

  dispose(): void {
    this.#ended = true;
    for (const timer of this.#running.values()) clearTimeout(timer);
    this.#running.clear();
  }
}
