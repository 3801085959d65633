/** How much goes across a second, over the last second in which anything did. */
export class Rate {
  #since = 0;
  #files = 0;
  #bytes = 0;
  #last = { filesPerSecond: 0, bytesPerSecond: 0 };

  /** @param now in milliseconds */
  count(files: number, bytes: number, now: number): void {
    const elapsed = now - this.#since;
    if (elapsed > 1_000) {
      this.#since = now;
      this.#files = 0;
      this.#bytes = 0;
    }
    this.#files += files;
    this.#bytes += bytes;
    // Nothing can be told by less than a tenth of a second.
    const seconds = Math.max(0.1, (now - this.#since) / 1_000);
    this.#last = {
      filesPerSecond: Math.round(this.#files / seconds),
      bytesPerSecond: Math.round(this.#bytes / seconds),
    };
  }

  get last(): { readonly filesPerSecond: number; readonly bytesPerSecond: number } {
    return this.#last;
  }
}
