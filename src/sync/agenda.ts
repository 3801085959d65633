import type { BytePath } from './path.ts';
import type { SideName } from './side.ts';

/** More than this at once, and looking at everything is cheaper. */
const manyPaths = 5_000;

/** What is looked at in one step. */
export interface Due {
  /** Where a watch heard something. */
  readonly dirty: Readonly<Record<SideName, ReadonlySet<BytePath>>>;
  /** To be reconciled on both sides, changed or not. */
  readonly forced: Set<BytePath>;
}

/** What is to be looked at: some paths, or everything. */
export class Agenda {
  #dirty: Record<SideName, Set<BytePath>> = { host: new Set(), guest: new Set() };
  #forced = new Set<BytePath>();
  #wantsAll = false;
  #trustsPrints = false;

  /** How many paths wait; one that waits for two reasons counts twice. */
  get size(): number {
    return this.#dirty.host.size + this.#dirty.guest.size + this.#forced.size;
  }

  /** True where everything is to be looked at, or so much that this is cheaper. */
  get wantsAll(): boolean {
    return this.#wantsAll || this.#dirty.host.size + this.#dirty.guest.size > manyPaths;
  }

  /** Whether the look at everything may leave it for later to read again what was written just now. */
  get trustsPrints(): boolean {
    return this.#trustsPrints;
  }

  /** The paths that wait, without regard to the reason. Of very many nobody wants to know which. */
  paths(): readonly ReadonlySet<BytePath>[] {
    return [this.#dirty.host, this.#dirty.guest, this.#forced];
  }

  hear(side: SideName, paths: Iterable<BytePath>): void {
    for (const path of paths) this.#dirty[side].add(path);
  }

  force(paths: Iterable<BytePath>): void {
    for (const path of paths) this.#forced.add(path);
  }

  /** Where somebody wants everything to be read again too, nothing is trusted. */
  all(trustsPrints = false): void {
    this.#trustsPrints = trustsPrints && (this.#trustsPrints || !this.#wantsAll);
    this.#wantsAll = true;
  }

  /** Takes the paths that wait. */
  take(): Due {
    const due = { dirty: this.#dirty, forced: this.#forced };
    this.#dirty = { host: new Set(), guest: new Set() };
    this.#forced = new Set();
    return due;
  }

  /** Everything is about to be looked at: nothing waits any more. */
  clear(): void {
    this.take();
    this.#wantsAll = false;
    this.#trustsPrints = false;
  }
}
