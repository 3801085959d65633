import { typeOf, sizeOf } from '../entry.ts';
import type { BytePath } from '../path.ts';
import type { Echoes } from './echoes.ts';
import type { HostTree } from './hostTree.ts';

/** How long, in milliseconds, an empty file may stay so before it is news. */
const emptyMs = 5;

/**
 * Passes on what the watch heard, but for the sync's own writes; and a file that was just emptied a moment
 * later: whoever saves a file in place empties it first, and a half of that is nothing to bring across.
 */
export class HostNewsDesk {
  readonly #tree: HostTree;
  readonly #echoes: Echoes;
  readonly #tell: (paths: readonly BytePath[]) => void;
  readonly #empty = new Set<BytePath>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tree: HostTree, echoes: Echoes, tell: (paths: readonly BytePath[]) => void) {
    this.#tree = tree;
    this.#echoes = echoes;
    this.#tell = tell;
  }

  hear(paths: readonly BytePath[]): void {
    const news = paths.filter((path) => {
      const entry = this.#tree.entry(path);
      if (this.#echoes.isEcho(path, entry?.print ?? '-')) return false;
      if (!entry || typeOf(entry) !== 'f' || sizeOf(entry) > 0) {
        this.#empty.delete(path);
        return true;
      }
      this.#empty.add(path);
      return false;
    });
    if (news.length > 0) this.#tell(news);
    if (this.#empty.size > 0) this.#timer ??= setTimeout(() => this.#tellEmpty(), emptyMs);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #tellEmpty(): void {
    this.#timer = undefined;
    const paths = [...this.#empty];
    this.#empty.clear();
    this.#tell(paths);
  }
}
