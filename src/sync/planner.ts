import type { Baseline } from './baseline.ts';
import { sizeOf, type Entry } from './entry.ts';
import type { BytePath } from './path.ts';
import type { Protection } from './patterns.ts';
import { reconcile, type Plan, type ReconcileInput } from './reconcile.ts';
import { wholeFileBytes, type SideName } from './side.ts';
import { eachInSlices, inSlices } from './slices.ts';
import type { Contents, Sides, Trees } from './transfer.ts';

const hashBatch = 200;
/** What is read whole instead of hashed, because it will most likely be sent: files, and bytes in all. */
const readAhead = { count: 1_024, bytes: 4 * 1024 * 1024 };

const restless: Entry = { print: 'e', target: 'it changes all the time', racy: false };

/** Has the reconciler decide, and brings it the hashes that it asks for. */
export class Planner {
  /** What was read in order to compare it, for whoever sends it. */
  readonly contents: Contents = { host: new Map(), guest: new Map() };
  readonly #parts: { readonly sides: Sides; readonly baseline: Baseline; readonly protection: Protection };
  #trees: Trees = { host: new Map(), guest: new Map() };

  constructor(parts: {
    readonly sides: Sides;
    readonly baseline: Baseline;
    readonly protection: Protection;
  }) {
    this.#parts = parts;
  }

  forget(): void {
    this.contents.host.clear();
    this.contents.guest.clear();
  }

  /** @param touched what to look at; everything by default */
  async plan(
    trees: Trees,
    touched: ReadonlySet<BytePath> | undefined,
    trustsPrints: boolean,
    signal: AbortSignal,
  ): Promise<Plan> {
    this.forget();
    this.#trees = trees;
    const input = {
      baseline: this.#parts.baseline.entries,
      host: this.#trees.host,
      guest: this.#trees.guest,
      hostHashes: new Map<BytePath, string>(),
      guestHashes: new Map<BytePath, string>(),
      trustsPrints,
      isProtected: (path: BytePath, isFolder: boolean) => this.#parts.protection.covers(path, isFolder),
    } satisfies ReconcileInput;
    for (;;) {
      const plan = await inSlices(reconcile(input, touched), signal);
      const { host, guest } = plan.unsure;
      if (host.length + guest.length === 0) return plan;
      const base = this.#parts.baseline.entries;
      // What changed on one side only is on its way to the other: its content is wanted as well as its hash.
      const sent = (side: SideName) => (path: BytePath) => {
        const [entry, known] = [this.#trees[side].get(path), base.get(path)];
        return entry !== undefined && known !== undefined && entry.print !== known[side];
      };
      await Promise.all([
        this.#compare('host', host, sent('host'), input.hostHashes, signal),
        this.#compare('guest', guest, sent('guest'), input.guestHashes, signal),
      ]);
    }
  }

  async #compare(
    side: SideName,
    paths: readonly BytePath[],
    isSent: (path: BytePath) => boolean,
    hashes: Map<BytePath, string>,
    signal: AbortSignal,
  ): Promise<void> {
    let bytes = 0;
    const ahead: BytePath[] = [];
    const rest: BytePath[] = [];
    await eachInSlices(
      paths,
      (path) => {
        const entry = this.#trees[side].get(path);
        const isWanted = entry && isSent(path) && sizeOf(entry) <= wholeFileBytes;
        if (isWanted) bytes += sizeOf(entry);
        if (isWanted && bytes <= readAhead.bytes && ahead.length < readAhead.count) ahead.push(path);
        else rest.push(path);
      },
      signal,
    );
    if (ahead.length > 0) {
      const found = await this.#parts.sides[side].read(ahead, signal);
      for (const [index, path] of ahead.entries()) {
        const file = found[index];
        this.#trees[side].set(path, file?.entry ?? restless);
        if (!file) continue;
        hashes.set(path, file.hash);
        this.contents[side].set(path, file);
      }
    }
    await this.#hash(side, rest, hashes, signal);
  }

  async #hash(
    side: SideName,
    paths: readonly BytePath[],
    hashes: Map<BytePath, string>,
    signal: AbortSignal,
  ): Promise<void> {
    for (let at = 0; at < paths.length; at += hashBatch) {
      const batch = paths.slice(at, at + hashBatch);
      const found = await this.#parts.sides[side].hash(batch, signal);
      for (const [index, path] of batch.entries()) {
        const hashed = found[index];
        // Gone, or never still: nothing is decided about it now.
        this.#trees[side].set(path, hashed?.entry ?? restless);
        if (hashed) hashes.set(path, hashed.hash);
      }
    }
  }
}
