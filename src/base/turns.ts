/** One after the other, in the order asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all before it ended. Whoever asked for it hears of a failure; the next in turn does not. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const mine = (async () => {
      await before.catch(() => undefined);
      return work();
    })();
    this.#last = mine;
    mine.catch(() => undefined);
    return mine;
  }
}
