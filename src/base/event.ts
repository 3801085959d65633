import { toDisposable, type Disposable } from './disposable.ts';

/** Registers a listener; the returned disposable takes it away again. Compatible with VS Code's Event. */
export type Event<T> = (listener: (value: T) => void) => Disposable;

/** The owner's end of an Event. */
export class Emitter<T> implements Disposable {
  #listeners = new Set<(value: T) => void>();
  readonly event: Event<T>;

  constructor() {
    this.event = (listener) => {
      // A wrapper, so that the same function registered twice is called twice.
      const entry = (value: T): void => {
        listener(value);
      };
      this.#listeners.add(entry);
      return toDisposable(() => this.#listeners.delete(entry));
    };
  }

  fire(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }

  dispose(): void {
    this.#listeners.clear();
  }
}
