import type { Baseline } from './baseline.ts';
import { bulkCount, type BulkUpload } from './bulk.ts';
import { fileOperation, type Copy } from './copy.ts';
import { printSize, sizeOf, typeOf, type Entry } from './entry.ts';
import { gitRank } from './git.ts';
import { pointingRank } from './gitObjects.ts';
import { sendLarge } from './largeFile.ts';
import type { LargeStream } from './largeStream.ts';
import { eachInSlices, filterInSlices } from './slices.ts';
import { ancestorsOf, depthOf, type BytePath } from './path.ts';
import type { Action } from './reconcile.ts';
import {
  absent,
  otherSide,
  wholeFileBytes,
  type Operation,
  type ReadAnswer,
  type Side,
  type SideName,
} from './side.ts';
import {
  TransferBook,
  type Remove,
  type TransferCount,
  type TransferResult,
  type Trees,
} from './transferBook.ts';

export interface Sides {
  readonly host: Side;
  readonly guest: Side;
}

/** How much is read from one side before it is sent to the other. */
const readBytes = 4 * 1024 * 1024;
const readCount = 128;
/** How many such batches may be on their way: while one is written there, the next one travels. */
const underWay = 2;

/** Carries out what the reconciler planned, and moves the baseline with every change acknowledged. */
export class Transfer {
  readonly #sides: Sides;
  readonly #book: TransferBook;
  readonly #bulk: BulkUpload | undefined;
  readonly #stream: LargeStream | undefined;
  readonly #count: (count: TransferCount) => void;
  readonly #signal: AbortSignal;

  constructor(
    parts: {
      sides: Sides;
      trees: Trees;
      baseline: Baseline;
      bulk?: BulkUpload | undefined;
      stream?: LargeStream | undefined;
      count?: (count: TransferCount) => void;
    },
    signal: AbortSignal,
  ) {
    this.#sides = parts.sides;
    this.#bulk = parts.bulk;
    this.#stream = parts.stream;
    this.#count = parts.count ?? (() => undefined);
    this.#book = new TransferBook(parts.trees, parts.baseline, this.#count);
    this.#signal = signal;
  }

  get result(): TransferResult {
    return this.#book.result;
  }

  async run(actions: readonly Action[]): Promise<void> {
    const sorted = {
      guest: { copies: [] as Copy[], removes: [] as Remove[] },
      host: { copies: [] as Copy[], removes: [] as Remove[] },
    };
    await eachInSlices(
      actions,
      (action) => {
        if (action.do === 'copy') sorted[action.to].copies.push(action);
        else if (action.do === 'remove') sorted[action.on].removes.push(action);
      },
      this.#signal,
    );
    for (const to of ['guest', 'host'] as const) {
      const { copies, removes } = sorted[to];
      if (copies.length + removes.length > 0) await this.#direction(to, copies, removes);
    }
  }

  async #direction(to: SideName, copies: Copy[], removes: Remove[]): Promise<void> {
    // Where a folder gives way to a file or the other way round, what is there goes first.
    const swaps = await filterInSlices(
      copies,
      ({ source, replaces }) =>
        replaces !== undefined && (typeOf(replaces) === 'd') !== (typeOf(source) === 'd'),
      this.#signal,
    );
    const swapped = new Set(swaps.map((copy) => copy.path));
    const givesWay = (path: BytePath): boolean =>
      swapped.has(path) || ancestorsOf(path).some((folder) => swapped.has(folder));
    await this.#remove(to, [
      ...removes.filter((remove) => givesWay(remove.path)),
      ...swaps.flatMap(({ path, replaces }): Remove[] =>
        replaces ? [{ do: 'remove', path, on: to, entry: replaces }] : [],
      ),
    ]);
    const rest = to === 'guest' ? await this.#inBulk(copies) : copies;
    await this.#folders(
      to,
      rest.filter((copy) => typeOf(copy.source) === 'd'),
    );
    const files = this.#book.inFolders(rest.filter((copy) => typeOf(copy.source) !== 'd'));
    files.sort((a, b) => gitRank(a.path) - gitRank(b.path));
    // A rank is there before the next one begins.
    for (let at = 0; at < files.length;) {
      const rank = gitRank(files[at]?.path ?? '');
      let end = at;
      while (end < files.length && gitRank(files[end]?.path ?? '') === rank) end += 1;
      await this.#files(
        to,
        rank === 0 ? files.slice(0, end) : this.#book.whole(files.slice(at, end)),
        swapped,
      );
      at = end;
    }
    await this.#remove(
      to,
      removes.filter((remove) => !givesWay(remove.path)),
    );
  }

  /** Sends what is new and much as a stream; what is left to send otherwise. */
  async #inBulk(copies: Copy[]): Promise<Copy[]> {
    const bulk = this.#bulk;
    if (!bulk) return copies;
    // Not what points at git's objects, which has its order; git's objects are only ever new.
    const fit = ({ path, source, replaces }: Copy): boolean =>
      !replaces && gitRank(path) <= 2 && sizeOf(source) <= wholeFileBytes && bulk.takes(source);
    const entries = await filterInSlices(copies, fit, this.#signal);
    if (entries.length < bulkCount) return copies;
    // Stable: a folder comes before what is in it, as in the scan.
    const ranks = new Map<number, Copy[]>();
    await eachInSlices(
      entries,
      (copy) => {
        const rank = gitRank(copy.path);
        const others = ranks.get(rank);
        if (others) others.push(copy);
        else ranks.set(rank, [copy]);
      },
      this.#signal,
    );
    const ordered = [...ranks.keys()].sort((a, b) => a - b).flatMap((rank) => ranks.get(rank) ?? []);
    const there = new Set<BytePath>();
    await bulk.send(
      ordered,
      (files, bytes) => this.#count({ files, bytes }),
      (arrived) => {
        this.#signal.throwIfAborted();
        return eachInSlices(
          arrived,
          ([path, { host, guest }]) => {
            there.add(path);
            this.#book.arrived(path, 'guest', { host, guest });
          },
          this.#signal,
        );
      },
      this.#signal,
    );
    return filterInSlices(copies, (copy) => !there.has(copy.path), this.#signal);
  }

  /** Files before folders, the deepest first. */
  async #remove(on: SideName, removes: Remove[]): Promise<void> {
    if (removes.length === 0) return;
    const rank = ({ entry, path }: Remove): number => (typeOf(entry) === 'd' ? 10_000 - depthOf(path) : 0);
    removes.sort((a, b) => rank(a) - rank(b));
    const operations = removes.map(({ path, entry }): Operation => ({
      do: 'remove',
      path,
      expect: entry.print,
    }));
    const outcomes = await this.#sides[on].apply(operations, this.#signal);
    for (const [index, outcome] of outcomes.entries()) {
      const remove = removes[index];
      if (remove) this.#book.removed(remove, outcome);
    }
  }

  async #folders(to: SideName, copies: Copy[]): Promise<void> {
    if (copies.length === 0) return;
    copies.sort((a, b) => depthOf(a.path) - depthOf(b.path));
    const operations = copies.map(({ path }): Operation => ({ do: 'folder', path }));
    const outcomes = await this.#sides[to].apply(operations, this.#signal);
    for (const [index, outcome] of outcomes.entries()) {
      const copy = copies[index];
      if (copy) this.#book.copied(copy, copy.source, '', outcome);
    }
  }

  async #files(to: SideName, copies: Copy[], swapped: ReadonlySet<BytePath>): Promise<void> {
    const expect = (copy: Copy): string =>
      copy.replaces && !swapped.has(copy.path) ? copy.replaces.print : absent;
    const links = copies.filter((copy) => typeOf(copy.source) === 'l');
    const small: Copy[] = [];
    const large: Copy[] = [];
    for (const copy of copies) {
      if (typeOf(copy.source) === 'f') (sizeOf(copy.source) > wholeFileBytes ? large : small).push(copy);
    }
    await this.#links(links, expect);
    const writes: Promise<void>[] = [];
    for (let at = 0; at < small.length;) {
      let bytes = 0;
      let end = at;
      while (end < small.length && end - at < readCount && bytes < readBytes) {
        bytes += printSize(small[end]?.source.print ?? '');
        end += 1;
      }
      const batch = small.slice(at, end);
      at = end;
      const paths = batch.map((copy) => copy.path);
      const [found] = await Promise.all([
        this.#sides[otherSide[to]].read(paths, this.#signal),
        writes.length < underWay ? undefined : writes.shift(),
      ]);
      const write = this.#write(to, batch, found, expect);
      // Awaited in a later turn; a failure before that is nobody's surprise.
      write.catch(() => undefined);
      writes.push(write);
    }
    await Promise.all(writes);
    for (const copy of large) await this.#large(to, copy, expect(copy));
  }

  async #links(copies: Copy[], expect: (copy: Copy) => string): Promise<void> {
    const [first] = copies;
    if (!first) return;
    const operations = copies.map((copy): Operation => ({
      do: 'link',
      path: copy.path,
      expect: expect(copy),
      target: copy.source.target,
    }));
    const outcomes = await this.#sides[first.to].apply(operations, this.#signal);
    for (const [index, outcome] of outcomes.entries()) {
      const copy = copies[index];
      if (copy) this.#book.copied(copy, copy.source, '', outcome);
    }
  }

  async #write(
    to: SideName,
    batch: readonly Copy[],
    found: readonly ReadAnswer[],
    expect: (copy: Copy) => string,
  ): Promise<void> {
    const operations: Operation[] = [];
    const sent: { copy: Copy; entry: Entry; hash: string }[] = [];
    for (const [index, copy] of batch.entries()) {
      const read = found[index];
      if (!read) {
        this.#book.stale(copy.path);
        continue;
      }
      const { entry, hash, data } = read;
      // Moved on since it was seen: what it points at now may not have gone before it.
      if (gitRank(copy.path) >= pointingRank && entry.print !== copy.source.print) {
        this.#book.stale(copy.path);
        continue;
      }
      if (this.#book.isTouched(copy, read)) continue;
      operations.push(fileOperation(copy.path, expect(copy), entry, { data }));
      sent.push({ copy, entry, hash });
    }
    if (operations.length === 0) return;
    const outcomes = await this.#sides[to].apply(operations, this.#signal);
    for (const [index, outcome] of outcomes.entries()) {
      const one = sent[index];
      if (one) this.#book.copied(one.copy, one.entry, one.hash, outcome);
    }
  }

  async #large(to: SideName, copy: Copy, expect: string): Promise<void> {
    const sent = await sendLarge(
      { from: this.#sides[otherSide[to]], to: this.#sides[to], stream: this.#stream },
      copy,
      expect,
      (bytes) => this.#count({ files: 0, bytes }),
      this.#signal,
    );
    if (sent) this.#book.copied(copy, sent.entry, '', sent.outcome, true);
    else this.#book.stale(copy.path);
  }
}
