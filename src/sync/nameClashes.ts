import type { Entry } from './entry.ts';
import { ancestorsOf, toText, type BytePath } from './path.ts';
import type { Action } from './reconcile.ts';
import { otherSide, type SideName } from './side.ts';
import { eachInSlices } from './slices.ts';
import type { Sides } from './transfer.ts';
import type { Trees } from './transferBook.ts';

/**
 * Names that a disk takes for one another, such as those that differ in case only. What cannot be written for
 * that reason is left alone with all below it: on that disk it would come to lie in something else.
 */
export class NameClashes {
  readonly #found = new Map<BytePath, string>();

  forget(): void {
    this.#found.clear();
  }

  /** Why nothing is to be written there, as an English phrase; undefined where nothing is known. */
  reasonFor(path: BytePath): string | undefined {
    if (this.#found.size === 0) return undefined;
    const at = [...ancestorsOf(path), path].find((one) => this.#found.has(one));
    return at === undefined ? undefined : this.#found.get(at);
  }

  /**
   * Looks which of the actions that found something in their way, where nothing was listed, found another
   * name. Where nothing was in anybody's way that costs nothing.
   */
  async look(
    actions: readonly Action[],
    refused: ReadonlySet<BytePath>,
    { sides, trees }: { readonly sides: Sides; readonly trees: Trees },
    signal: AbortSignal,
  ): Promise<void> {
    for (const to of ['host', 'guest'] as const) {
      const unlisted = actions.filter(
        (action) =>
          action.do === 'copy' &&
          action.to === to &&
          refused.has(action.path) &&
          trees[otherSide[to]].has(action.path) &&
          !trees[to].has(action.path),
      );
      if (unlisted.length === 0) continue;
      const names = new Map(unlisted.map(({ path }) => [folded(path), path]));
      const others = new Map<BytePath, BytePath>();
      await eachInSlices(
        trees[to].keys(),
        (other) => {
          const path = names.get(folded(other));
          if (path !== undefined && path !== other) others.set(path, other);
        },
        signal,
      );
      await this.#compare(sides, to, others, signal);
    }
  }

  async #compare(
    sides: Sides,
    to: SideName,
    others: ReadonlyMap<BytePath, BytePath>,
    signal: AbortSignal,
  ): Promise<void> {
    const paths = [...others.keys()];
    if (paths.length === 0) return;
    const found = await sides[to].stat([...paths, ...others.values()], signal);
    for (const [index, path] of paths.entries()) {
      // The very same file, under either name.
      if (!isSame(found[index], found[paths.length + index])) continue;
      const other = toText(others.get(path) ?? '');
      this.#found.set(path, `the disk of the ${to} takes its name for that of ${other}`);
    }
  }
}

function isSame(one: Entry | undefined, other: Entry | undefined): boolean {
  return one !== undefined && one.print === other?.print;
}

/** Equal for all names that a disk could take for one another. */
function folded(path: BytePath): string {
  return toText(path).normalize('NFC').toLowerCase();
}
