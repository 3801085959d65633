import type { Logger } from '../base/log.ts';
import { conflictPlace } from './conflictCopy.ts';
import type { Entry } from './entry.ts';
import { ancestorsOf, toText, type BytePath } from './path.ts';
import type { Action } from './reconcile.ts';
import type { Operation } from './side.ts';
import type { Sides, Trees } from './transfer.ts';

/** Moves the guest's entry of each conflict to a path of its own, or to the trash what has no use. */
export async function moveAside(
  actions: readonly Action[],
  parts: { readonly sides: Sides; readonly trees: Trees; readonly log: Logger; readonly now: () => Date },
  signal: AbortSignal,
): Promise<{ conflicts: { path: BytePath; copy: BytePath }[]; again: Set<BytePath> }> {
  const conflicts: { path: BytePath; copy: BytePath }[] = [];
  const again = new Set<BytePath>();
  const taken = new Set<BytePath>();
  const operations: Operation[] = [];
  const { host, guest } = parts.trees;
  for (const action of actions) {
    if (action.do !== 'conflict') continue;
    const { path } = action;
    again.add(path);
    const copy = conflictPlace(path, parts.now(), (at) => host.has(at) || guest.has(at) || taken.has(at));
    if (copy === undefined) {
      operations.push({ do: 'remove', path, expect: action.guest.print });
      continue;
    }
    taken.add(copy);
    for (const folder of ancestorsOf(copy)) {
      if (guest.has(folder) || taken.has(folder)) continue;
      taken.add(folder);
      operations.push({ do: 'folder', path: folder });
    }
    operations.push({ do: 'move', path, to: copy, expect: action.guest.print });
  }
  if (operations.length === 0) return { conflicts, again };
  const outcomes = await parts.sides.guest.apply(operations, signal);
  for (const [index, outcome] of outcomes.entries()) {
    const operation = operations[index];
    if (!outcome.done || !operation) continue;
    if (operation.do === 'folder') {
      if (outcome.entry) guest.set(operation.path, outcome.entry);
      again.add(operation.path);
    } else if (operation.do === 'remove') guest.delete(operation.path);
    else if (operation.do === 'move') {
      conflicts.push({ path: operation.path, copy: operation.to });
      for (const at of moveInTree(guest, operation.path, operation.to, outcome.entry)) again.add(at);
      parts.log.warn(
        `Sync: both sides changed ${toText(operation.path)}; the guest's is now ${toText(operation.to)}.`,
      );
    }
  }
  return { conflicts, again };
}

/** What a tree holds below a folder. */
export function below(folder: BytePath, paths: Iterable<BytePath>): BytePath[] {
  const prefix = `${folder}/`;
  return [...paths].filter((path) => path.startsWith(prefix));
}

/** Renames what a tree holds at and below a path; every path that this concerns. */
function moveInTree(
  tree: Map<BytePath, Entry>,
  from: BytePath,
  to: BytePath,
  entry: Entry | undefined,
): BytePath[] {
  const concerned = [from, to];
  for (const inner of below(from, tree.keys())) {
    const held = tree.get(inner);
    const moved = to + inner.slice(from.length);
    tree.delete(inner);
    if (held) tree.set(moved, held);
    concerned.push(inner, moved);
  }
  tree.delete(from);
  if (entry) tree.set(to, entry);
  return concerned;
}
