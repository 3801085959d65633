import type { Base } from './baseline.ts';
import { printCore, typeOf, type Entry } from './entry.ts';
import { isGitObject } from './git.ts';
import type { BytePath } from './path.ts';
import type { Action } from './reconcile.ts';
import { otherSide, type SideName } from './side.ts';
import type { Trees } from './transferBook.ts';

/** Deletions that are too many to be done unasked, and where they would be done. */
export interface MassDeletion {
  readonly on: SideName;
  readonly paths: ReadonlySet<BytePath>;
  /** How many paths both sides had. */
  readonly of: number;
}

/** A side that held something and holds nothing now is more likely broken than emptied on purpose. */
export class Emptied extends Error {
  override readonly name = 'Emptied';
  readonly side: SideName;
  constructor(side: SideName) {
    super(`The workspace on the ${side} is empty.`);
    this.side = side;
  }
}

/** How long, in milliseconds, deletions that follow each other count as one deed. */
const deedMs = 5_000;

/** Decides when deletions are too many. Remembers what was deleted lately: events bring it in pieces. */
export class DeletionGuard {
  readonly #recent: Record<SideName, { count: number; until: number }> = {
    host: { count: 0, until: 0 },
    guest: { count: 0, until: 0 },
  };
  readonly #approved = new Set<BytePath>();
  readonly #held: Record<SideName, Set<BytePath>> = { host: new Set(), guest: new Set() };
  readonly #now: () => number;

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** What is held, by the side where it would be deleted. */
  held(of: number): MassDeletion[] {
    return (['host', 'guest'] as const)
      .filter((on) => this.#held[on].size > 0)
      .map((on) => ({ on, paths: this.#held[on], of }));
  }

  /** The person said that these are meant: they pass once. */
  approve(): BytePath[] {
    const paths = this.release();
    for (const path of paths) this.#approved.add(path);
    return paths;
  }

  approveAll(paths: Iterable<BytePath>): void {
    for (const path of paths) this.#approved.add(path);
  }

  /** Forgets what is held; the caller sees to it. */
  release(): BytePath[] {
    const paths = [...this.#held.host, ...this.#held.guest];
    this.#held.host.clear();
    this.#held.guest.clear();
    return paths;
  }

  /** What of `actions` may be done now. A generator, so that a large plan does not hold up the event loop. */
  *pass(
    actions: readonly Action[],
    baseline: ReadonlyMap<BytePath, Base>,
  ): Generator<undefined, readonly Action[]> {
    const removes: Record<SideName, Remove[]> = { host: [], guest: [] };
    for (const [index, action] of actions.entries()) {
      if (index % pause === pause - 1) yield;
      if (action.do === 'remove') removes[action.on].push(action);
      // Back again, or changed: no longer a deletion.
      else for (const on of sides) this.#held[on].delete(action.path);
    }
    const stopped = new Set<Action>();
    for (const on of sides) {
      if (removes[on].length === 0) continue;
      const moved = yield* movedPaths(actions, otherSide[on], baseline);
      const counted = removes[on].filter(
        ({ path }) => !this.#approved.has(path) && !moved.has(path) && !isGitObject(path),
      );
      yield;
      const recent = this.#recent[on];
      const before = this.#now() < recent.until ? recent.count : 0;
      const limit = Math.max(50, baseline.size / 5);
      if (this.#held[on].size > 0 || before + counted.length > limit) {
        for (const action of counted) {
          stopped.add(action);
          this.#held[on].add(action.path);
        }
      } else if (counted.length > 0) {
        this.#recent[on] = { count: before + counted.length, until: this.#now() + deedMs };
      }
      for (const { path } of removes[on]) this.#approved.delete(path);
      yield;
    }
    return stopped.size === 0 ? actions : actions.filter((action) => !stopped.has(action));
  }
}

type Remove = Extract<Action, { do: 'remove' }>;

const sides = ['host', 'guest'] as const;
/** After how many actions others get a chance to work. */
const pause = 500;

/** Paths that are gone on a side because their file is elsewhere there now: the same inode, unchanged. */
function* movedPaths(
  actions: readonly Action[],
  on: SideName,
  baseline: ReadonlyMap<BytePath, Base>,
): Generator<undefined, ReadonlySet<BytePath>> {
  const arrived = new Set<string>();
  const folders: BytePath[] = [];
  for (const [index, action] of actions.entries()) {
    if (index % pause === pause - 1) yield;
    if (action.do === 'copy' && action.to === otherSide[on] && typeOf(action.source) !== 'd') {
      arrived.add(printCore(action.source.print));
    }
  }
  const moved = new Set<BytePath>();
  for (const [index, action] of actions.entries()) {
    if (index % pause === pause - 1) yield;
    if (action.do !== 'remove' || action.on !== otherSide[on]) continue;
    const base = baseline.get(action.path);
    if (!base) continue;
    if (base[on] === 'd') folders.push(action.path);
    else if (arrived.has(printCore(base[on]))) moved.add(action.path);
  }
  // A folder is only as deleted as what was in it.
  const parents = new Set<BytePath>();
  for (const path of moved) parents.add(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
  for (const folder of folders) if (parents.has(folder)) moved.add(folder);
  return moved;
}

/** @throws Emptied where a side lost everything at once */
export function checkEmptied(baseline: ReadonlyMap<BytePath, Base>, trees: Trees): void {
  if (baseline.size === 0) return;
  for (const side of sides) {
    if (isBare(trees[side]) && !isBare(trees[otherSide[side]])) throw new Emptied(side);
  }
}

function isBare(tree: ReadonlyMap<BytePath, Entry>): boolean {
  return tree.size === 0;
}
