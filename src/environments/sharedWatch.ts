import { toDisposable, type Disposable } from '../base/disposable.ts';

/** One listener, however many look: it begins with the first of them and ends with the last. */
export class SharedWatch implements Disposable {
  readonly #listen: (signal: AbortSignal) => Promise<void>;
  #watchers = 0;
  #listening: AbortController | undefined;

  /** @param listen goes on until its signal fires; never rejects */
  constructor(listen: (signal: AbortSignal) => Promise<void>) {
    this.#listen = listen;
  }

  /** Fires when nobody looks any more; has fired where nobody does. */
  get signal(): AbortSignal {
    return this.#listening?.signal ?? AbortSignal.abort();
  }

  /** Looks until the returned disposable is disposed of. */
  begin(): Disposable {
    this.#watchers += 1;
    if (!this.#listening) {
      this.#listening = new AbortController();
      void this.#listen(this.#listening.signal);
    }
    let isOver = false;
    return toDisposable(() => {
      if (isOver) return;
      isOver = true;
      this.#watchers -= 1;
      if (this.#watchers === 0) this.dispose();
    });
  }

  /** Ends it, whoever looks. */
  dispose(): void {
    this.#listening?.abort(new DOMException('Nobody looks any more.', 'AbortError'));
    this.#listening = undefined;
  }
}
