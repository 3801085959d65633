/** Something with one owner that ends it. Compatible with VS Code's Disposable. */
export interface Disposable {
  dispose(): void;
}

/**
 * Owns disposables and ends them in reverse order. What is added after the end is ended at once, so a
 * late answer of a slow call leaks nothing.
 */
export class DisposableStore implements Disposable {
  readonly #items: Disposable[] = [];
  #disposed = false;

  get isDisposed(): boolean {
    return this.#disposed;
  }

  add<T extends Disposable>(item: T): T {
    if (this.#disposed) item.dispose();
    else this.#items.push(item);
    return item;
  }

  dispose(): void {
    this.#disposed = true;
    const errors: unknown[] = [];
    for (let item = this.#items.pop(); item; item = this.#items.pop()) {
      try {
        item.dispose();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'Some parts failed to end.');
  }
}

export function toDisposable(end: () => void): Disposable {
  return { dispose: end };
}
