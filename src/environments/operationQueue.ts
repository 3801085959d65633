import { abortable } from '../base/abort.ts';
import type { Disposable } from '../base/disposable.ts';

/**
 * The operations on one environment, one after the other in the order in which they were asked for. One
 * that is cancelled while it waits leaves the queue at once; one that fails does not hold up the next.
 */
export class OperationQueue implements Disposable {
  readonly #ended = new AbortController();
  #tail: Promise<unknown> = Promise.resolve();
  #length = 0;

  /** True while an operation runs or waits. */
  get isBusy(): boolean {
    return this.#length > 0;
  }

  /**
   * Runs `operation` when everything asked for before it is over. The signal that it gets fires with
   * `signal`, or when the queue is disposed.
   * @throws what the operation throws, or the signal's reason where it never began
   */
  async run<T>(operation: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const either = AbortSignal.any([signal, this.#ended.signal]);
    either.throwIfAborted();
    this.#length += 1;
    let leave!: () => void;
    const over = new Promise<void>((resolve) => (leave = resolve));
    const before = this.#tail;
    // Who comes next waits for this one and for everything before it, also where this one gives up waiting.
    this.#tail = Promise.all([before, over]);
    try {
      await abortable(before, either);
      either.throwIfAborted();
      return await operation(either);
    } finally {
      this.#length -= 1;
      leave();
    }
  }

  /** Cancels what runs and what waits. */
  dispose(): void {
    this.#ended.abort(new DOMException('The environment is no longer in use.', 'AbortError'));
  }
}
