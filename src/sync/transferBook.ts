import type { Baseline } from './baseline.ts';
import type { Copy } from './copy.ts';
import { isExecutable, sizeOf, type Entry } from './entry.ts';
import { gitFolderOf } from './git.ts';
import { ancestorsOf, type BytePath } from './path.ts';
import { baseOf, type Action } from './reconcile.ts';
import { otherSide, type Outcome, type ReadFile, type SideName } from './side.ts';

/** Both sides, and what each is known to hold; kept up to date with every change made. */
export interface Trees {
  readonly host: Map<BytePath, Entry>;
  readonly guest: Map<BytePath, Entry>;
}

/** How far a transfer is. */
export interface TransferCount {
  files: number;
  bytes: number;
}

export interface TransferResult {
  /** Entries written or deleted, by the side that was changed. */
  readonly changed: Record<SideName, number>;
  /** Not done because something changed meanwhile: look again. */
  readonly stale: Set<BytePath>;
  /** Not done, and looking again at once would not help: why, in English. */
  readonly failed: Map<BytePath, string>;
  /** Where a disk is full. */
  readonly full: Set<SideName>;
}

export type Remove = Extract<Action, { do: 'remove' }>;

/** Writes down what came of each part of a transfer: the trees and the baseline move with what was acknowledged. */
export class TransferBook {
  readonly result: TransferResult = {
    changed: { host: 0, guest: 0 },
    stale: new Set(),
    failed: new Map(),
    full: new Set(),
  };
  readonly #trees: Trees;
  readonly #baseline: Baseline;
  readonly #count: (count: TransferCount) => void;

  /** @param count told each file that has arrived, with its size unless that was counted on the way */
  constructor(trees: Trees, baseline: Baseline, count: (count: TransferCount) => void) {
    this.#trees = trees;
    this.#baseline = baseline;
    this.#count = count;
  }

  /** Something arrived, where that was counted on the way; as each side has it now. */
  arrived(path: BytePath, to: SideName, { host, guest }: Record<SideName, Entry>, hash = ''): void {
    this.result.changed[to] += 1;
    this.#trees.host.set(path, host);
    this.#trees.guest.set(path, guest);
    this.#baseline.set(path, baseOf(host, guest, hash));
  }

  /** @param counted its bytes were counted on the way */
  copied(copy: Copy, source: Entry, hash: string, outcome: Outcome, counted = false): void {
    if (!outcome.done) {
      this.#refused(copy.to, copy.path, outcome);
      return;
    }
    if (!outcome.entry) throw new Error('A copy that left nothing.');
    const [host, guest] = copy.to === 'guest' ? [source, outcome.entry] : [outcome.entry, source];
    this.arrived(copy.path, copy.to, { host, guest }, hash);
    this.#count({ files: 1, bytes: counted ? 0 : sizeOf(source) });
  }

  removed({ path, on, entry }: Remove, outcome: Outcome): void {
    if (outcome.done) {
      this.result.changed[on] += 1;
      this.#trees[on].delete(path);
      // A swap's removal is only half of it; the baseline moves with the other half.
      if (!this.#trees[otherSide[on]].has(path)) this.#baseline.delete(path);
    } else if (outcome.why === 'notEmpty' && !this.#trees[otherSide[on]].has(path)) {
      const left = baseOf(entry, entry, '');
      this.#baseline.set(path, { ...left, leftOn: on });
    } else {
      this.#refused(on, path, outcome);
    }
  }

  /** It has to be looked at again. */
  stale(path: BytePath): void {
    this.result.stale.add(path);
  }

  /** True where only the times of a file are others than what was agreed on, and it need not be sent. */
  isTouched({ path, to, replaces }: Copy, { entry, hash }: ReadFile): boolean {
    const base = this.#baseline.entries.get(path);
    const from = otherSide[to];
    if (base?.hash !== hash || replaces?.print !== base[to]) return false;
    if (isExecutable(entry) !== (base[from].charAt(1) === '1')) return false;
    this.#trees[from].set(path, entry);
    this.#baseline.set(path, { ...base, [from]: entry.print, [`${from}Racy`]: entry.racy });
    this.#count({ files: 1, bytes: sizeOf(entry) });
    return true;
  }

  /** Nothing goes into a folder that could not be made: what stands there may be another one. */
  inFolders(copies: Copy[]): Copy[] {
    const { stale, failed } = this.result;
    if (stale.size + failed.size === 0) return copies;
    return copies.filter(({ path }) => {
      const held = ancestorsOf(path).some((folder) => stale.has(folder) || failed.has(folder));
      if (held) stale.add(path);
      return !held;
    });
  }

  /** Nothing that points at something goes while something of its repository could not. */
  whole(copies: Copy[]): Copy[] {
    const broken = new Set<BytePath | undefined>();
    for (const path of [...this.result.stale, ...this.result.failed.keys()]) broken.add(gitFolderOf(path));
    return copies.filter((copy) => {
      const held = broken.has(gitFolderOf(copy.path));
      if (held) this.result.stale.add(copy.path);
      return !held;
    });
  }

  #refused(side: SideName, path: BytePath, outcome: Extract<Outcome, { done: false }>): void {
    if (outcome.why === 'stale' || outcome.why === 'notEmpty') this.result.stale.add(path);
    else this.result.failed.set(path, outcome.message);
    if (outcome.why === 'noSpace') this.result.full.add(side);
  }
}
