import type { Logger } from '../base/log.ts';
import { conflictPlace } from './conflictCopy.ts';
import { typeOf, type Entry } from './entry.ts';
import { isPackedRefs, keepGuestRefs } from './packedRefs.ts';
import { ancestorsOf, toText, type BytePath } from './path.ts';
import type { Action } from './reconcile.ts';
import type { Operation } from './side.ts';
import { eachInSlices, filterInSlices } from './slices.ts';
import type { Sides } from './transfer.ts';
import type { Trees } from './transferBook.ts';

interface Parts {
  readonly sides: Sides;
  readonly trees: Trees;
  readonly log: Logger;
  readonly now: () => Date;
}

interface Aside {
  readonly conflicts: { path: BytePath; copy: BytePath }[];
  readonly again: Set<BytePath>;
}

/** Moves the guest's entry of each conflict to a path of its own, or to the trash what has no use. */
export async function moveAside(
  actions: readonly Action[],
  parts: Parts,
  signal: AbortSignal,
): Promise<Aside> {
  const conflicts: { path: BytePath; copy: BytePath }[] = [];
  const again = new Set<BytePath>();
  const taken = new Set<BytePath>();
  const operations: Operation[] = [];
  const { host, guest } = parts.trees;
  const clashing: Extract<Action, { do: 'conflict' }>[] = [];
  await eachInSlices(
    actions,
    (action) => {
      if (action.do === 'conflict') clashing.push(action);
    },
    signal,
  );
  for (const action of clashing) {
    const { path } = action;
    again.add(path);
    if (isPackedRefs(path) && !(await unpackRefs(path, parts, { conflicts, again }, signal))) continue;
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
      const moved = { from: operation.path, to: operation.to, entry: outcome.entry };
      for (const at of await moveInTree(guest, moved, signal)) again.add(at);
      parts.log.warn(
        `Sync: both sides changed ${toText(operation.path)}; the guest's is now ${toText(operation.to)}.`,
      );
    }
  }
  return { conflicts, again };
}

/** Gives the guest's refs files of their own. @returns false where that could not be done for each */
async function unpackRefs(
  path: BytePath,
  parts: Parts,
  { conflicts, again }: Aside,
  signal: AbortSignal,
): Promise<boolean> {
  const refs = await keepGuestRefs(path, parts, signal);
  if (!refs) return false;
  const { guest } = parts.trees;
  const outcomes = await parts.sides.guest.apply(refs.operations, signal);
  for (const [index, outcome] of outcomes.entries()) {
    const operation = refs.operations[index];
    if (!operation || !outcome.done || !outcome.entry) continue;
    guest.set(operation.path, outcome.entry);
    again.add(operation.path);
  }
  const isDone = outcomes.every((outcome) => outcome.done);
  if (isDone) conflicts.push(...refs.kept);
  for (const { path: ref, copy } of isDone ? refs.kept : []) {
    parts.log.warn(`Sync: both sides moved ${toText(ref)}; the guest's is now ${toText(copy)}.`);
  }
  return isDone;
}

/** What a tree holds below any of these folders. */
export async function below(
  folders: ReadonlySet<BytePath>,
  paths: Iterable<BytePath>,
  signal: AbortSignal,
): Promise<BytePath[]> {
  return filterInSlices(paths, (path) => ancestorsOf(path).some((folder) => folders.has(folder)), signal);
}

/** Renames what a tree holds at and below a path; every path that this concerns. */
async function moveInTree(
  tree: Map<BytePath, Entry>,
  { from, to, entry }: { from: BytePath; to: BytePath; entry: Entry | undefined },
  signal: AbortSignal,
): Promise<BytePath[]> {
  const concerned = [from, to];
  const inside = entry && typeOf(entry) === 'd' ? await below(new Set([from]), tree.keys(), signal) : [];
  for (const inner of inside) {
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
