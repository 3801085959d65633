import type { BytePath } from '../path.ts';

/** So many are remembered; what is forgotten is told once more than needed. */
const most = 20_000;

/**
 * What the sync's own writes left, so that the watch need not tell of them: the sync knows. An echo is told
 * by the state that stands at its path, never by time; and once a path was seen in any other state, whatever
 * comes next is news.
 */
export class Echoes {
  readonly #left = new Map<BytePath, string>();

  /** The sync left this print at the path; `-` for nothing. */
  leave(path: BytePath, print: string): void {
    if (this.#left.size >= most) this.#left.clear();
    this.#left.set(path, print);
  }

  /** The sync was told of this state by another way. */
  see(path: BytePath, print: string): void {
    const left = this.#left.get(path);
    if (left !== undefined && left !== print) this.#left.delete(path);
  }

  /** Everything was looked at, and nobody compared it. */
  forget(): void {
    this.#left.clear();
  }

  /** @param print what stands at the path now */
  isEcho(path: BytePath, print: string): boolean {
    if (this.#left.get(path) === print) return true;
    this.#left.delete(path);
    return false;
  }
}
