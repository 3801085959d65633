import { BadRecord, readRecords, type Entry } from './entry.ts';
import type { BytePath } from './path.ts';
import { inSlices } from './slices.ts';

/** Takes in the records of a scan as they come, a slice of time at a time. */
export class ScanReader {
  readonly #entries = new Map<BytePath, Entry>();
  readonly #read: (print: string, path: BytePath, target: string) => Entry;
  readonly #signal: AbortSignal;
  #seen = 0;
  #reading: Promise<void> = Promise.resolve();

  /** @param read makes an entry of the three fields of a record */
  constructor(read: (print: string, path: BytePath, target: string) => Entry, signal: AbortSignal) {
    this.#read = read;
    this.#signal = signal;
  }

  /** @param records whole ones only */
  take(records: Buffer): void {
    this.#reading = this.#reading.then(async () => {
      const run = readRecords(records, (at, entry) => this.#entries.set(at, entry), this.#read);
      this.#seen += await inSlices(run, this.#signal);
    });
    // Told by `end`.
    this.#reading.catch(() => undefined);
  }

  /**
   * Everything, once it was all taken in.
   * @param count how many records there must be
   * @throws BadRecord where there are more or less, or one is none
   */
  async end(count: number): Promise<Map<BytePath, Entry>> {
    await this.#reading;
    if (this.#seen !== count || this.#entries.size !== count) {
      throw new BadRecord(`A scan of ${this.#seen} records that should have ${count}.`);
    }
    return this.#entries;
  }
}
