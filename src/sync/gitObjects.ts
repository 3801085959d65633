import type { Baseline } from './baseline.ts';
import { gitFolderOf, gitRank, isGitObject } from './git.ts';
import { ancestorsOf, toText, type BytePath } from './path.ts';
import { PathRules, type Rule } from './patterns.ts';
import type { Action } from './reconcile.ts';
import { otherSide, type SideName } from './side.ts';
import { eachInSlices } from './slices.ts';
import type { Sides } from './transfer.ts';
import type { Trees } from './transferBook.ts';

/** From this rank on, what lies in a `.git` folder points at objects. */
export const pointingRank = 3;

/**
 * Looks for the objects that what is about to be copied may point at. A ref that was seen at one moment
 * points at objects that were there by then, but a scan may have listed those before, and a watch tells in
 * an order of its own: so they are listed once more after the ref was seen. (A ref that moves again
 * before it is read is not copied; see `Transfer`.)
 * @returns the paths that no tree knew, which are in the trees now, and those never agreed on
 */
export async function freshObjects(
  actions: readonly Action[],
  {
    sides,
    trees,
    rules,
    baseline,
  }: { sides: Sides; trees: Trees; rules: readonly Rule[]; baseline: Baseline },
  signal: AbortSignal,
): Promise<Set<BytePath>> {
  const repositories: Record<SideName, Set<BytePath>> = { host: new Set(), guest: new Set() };
  await eachInSlices(
    actions,
    (action) => {
      if (action.do !== 'copy' || gitRank(action.path) < pointingRank) return;
      const folder = gitFolderOf(action.path);
      if (folder !== undefined) repositories[otherSide[action.to]].add(folder);
    },
    signal,
  );
  const found = new Set<BytePath>();
  for (const side of ['host', 'guest'] as const) {
    for (const folder of repositories[side]) {
      const { entries } = await sides[side].scan([...rules, ...only(`${folder}/objects`)], signal);
      await eachInSlices(
        entries,
        ([path, entry]) => {
          // Also what was known and could not be sent: nothing points at it before it is there.
          if (
            !isGitObject(path) ||
            (trees[side].get(path)?.print === entry.print && baseline.entries.has(path))
          )
            return;
          trees[side].set(path, entry);
          found.add(path);
          for (const parent of ancestorsOf(path)) {
            const there = entries.get(parent);
            if (trees[side].has(parent) || !there) continue;
            trees[side].set(parent, there);
            found.add(parent);
          }
        },
        signal,
      );
    }
  }
  return found;
}

/** Rules that leave out everything but one folder, what it holds, and what it lies in. */
function only(folder: BytePath): readonly Rule[] {
  const patterns: string[] = [];
  for (const path of [...ancestorsOf(folder), folder]) {
    const text = toText(path).replace(/[\\*?[\]!# ]/g, '\\$&');
    const parent = text.slice(0, text.lastIndexOf('/') + 1);
    patterns.push(`/${parent}*`, `!/${text}`);
  }
  return PathRules.parse(patterns).rules;
}
