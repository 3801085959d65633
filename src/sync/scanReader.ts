import { BadRecord, readRecords, type Entry } from './entry.ts';
import type { BytePath } from './path.ts';
import { inSlices } from './slices.ts';

/** Takes in the records of a scan as they come, a slice of time at a time. */
export class ScanReader {
  readonly #entries = new Map<BytePath, Entry>();
  readonly #read: (print: string, path: BytePath, target: string) => Entry;
  readonly #recall: Recall;
  readonly #signal: AbortSignal;
  #seen = 0;
  #reading: Promise<void> = Promise.resolve();

  /**
   * @param read makes an entry of the three fields of a record
   * @param known what was found the last time, whose strings are used again: most is still as it was
   */
  constructor(
    read: (print: string, path: BytePath, target: string) => Entry,
    known: ReadonlyMap<BytePath, Entry>,
    signal: AbortSignal,
  ) {
    this.#read = read;
    this.#recall = new Recall(known);
    this.#signal = signal;
  }

  /** @param records whole ones only */
  take(records: Buffer): void {
    this.#reading = this.#reading.then(async () => {
      const run = readRecords(records, (at, entry) => this.#recall.put(this.#entries, at, entry), this.#read);
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

/**
 * Puts into a tree what equals the known with the very strings and objects of the known one. Else each look at
 * a large tree would leave as much behind as the tree itself takes, which V8 answers by a larger heap that
 * the process never gives back.
 */
class Recall {
  readonly #known: ReadonlyMap<BytePath, Entry>;
  readonly #inOrder: Iterator<[BytePath, Entry]>;
  #next: [BytePath, Entry] | undefined;

  constructor(known: ReadonlyMap<BytePath, Entry>) {
    this.#known = known;
    this.#inOrder = known.entries();
    this.#advance();
  }

  put(into: Map<BytePath, Entry>, at: BytePath, entry: Entry): void {
    const known = this.#known.get(at);
    if (!known) {
      into.set(at, entry);
      return;
    }
    // A folder is listed in the same order as the last time, as long as nobody changes it.
    while (this.#next && this.#next[0] !== at) this.#advance();
    const path = this.#next?.[0] ?? at;
    this.#advance();
    into.set(path, isSame(known, entry) ? known : entry);
  }

  #advance(): void {
    const found = this.#inOrder.next();
    this.#next = found.done === true ? undefined : found.value;
  }
}

function isSame(one: Entry, other: Entry): boolean {
  return one.print === other.print && one.racy === other.racy && one.target === other.target;
}
