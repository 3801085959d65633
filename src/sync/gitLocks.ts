import type { Entry } from './entry.ts';
import { gitFolderOf, isGitLock } from './git.ts';
import type { BytePath } from './path.ts';
import type { SideName } from './side.ts';
import { eachInSlices } from './slices.ts';

/** The locks that git has on either side. They are no files to be synced, and what is below one waits. */
export class GitLocks {
  readonly #locks: Record<SideName, Set<BytePath>> = { host: new Set(), guest: new Set() };

  /** Takes them out of a side that was just looked at whole. */
  async takeFrom(side: SideName, tree: Map<BytePath, Entry>, signal: AbortSignal): Promise<void> {
    this.#locks[side].clear();
    await eachInSlices(
      tree.keys(),
      (path) => {
        if (!isGitLock(path)) return;
        this.#locks[side].add(path);
        tree.delete(path);
      },
      signal,
    );
  }

  /** @returns true where one that stood there went */
  note(side: SideName, path: BytePath, stands: boolean): boolean {
    if (!stands) return this.#locks[side].delete(path);
    this.#locks[side].add(path);
    return false;
  }

  /** The folders of git in which one stands, on whichever side. */
  folders(): ReadonlySet<BytePath | undefined> {
    return new Set([...this.#locks.host, ...this.#locks.guest].map(gitFolderOf));
  }
}
