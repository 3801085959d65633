import { typeOf, type Entry } from './entry.ts';
import type { Session, OwnedSide } from './session.ts';
import { ancestorsOf, depthOf, type BytePath } from './path.ts';
import type { Action } from './reconcile.ts';
import type { Operation } from './side.ts';
import type { Trees } from './transfer.ts';

/** The guest's held-back change of a path, and of all below it, carried out or undone. */
export function heldBackActions(path: BytePath, trees: Trees, decision: 'accept' | 'refuse'): Action[] {
  const to = decision === 'accept' ? 'host' : 'guest';
  const from = decision === 'accept' ? 'guest' : 'host';
  const concerned = new Set<BytePath>();
  for (const tree of [trees.host, trees.guest]) {
    for (const at of tree.keys()) if (at === path || at.startsWith(`${path}/`)) concerned.add(at);
  }
  // The folders that it needs come with it.
  for (const folder of ancestorsOf(path)) {
    if (trees[from].has(path) && !trees[to].has(folder)) concerned.add(folder);
  }
  const actions: Action[] = [];
  for (const at of concerned) {
    const source = trees[from].get(at);
    const target = trees[to].get(at);
    if (source && target && typeOf(source) === 'd' && typeOf(target) === 'd') continue;
    if (source) actions.push({ do: 'copy', path: at, to, source, replaces: target });
    else if (target) actions.push({ do: 'remove', path: at, on: to, entry: target });
  }
  return actions;
}

/** Deletes a path on the host with all that is in it; what is deleted goes to the trash. */
export function removal(path: BytePath, tree: ReadonlyMap<BytePath, Entry>): Operation[] {
  const paths = [...tree.keys()].filter((at) => at === path || at.startsWith(`${path}/`));
  paths.sort((a, b) => depthOf(b) - depthOf(a));
  return paths.map((at) => ({ do: 'remove', path: at, expect: tree.get(at)?.print ?? '-' }));
}

/** Puts the guest's version of a conflict in the place of the host's. */
export async function takeCopy(
  session: Session,
  host: OwnedSide,
  path: BytePath,
  copy: BytePath,
  signal: AbortSignal,
): Promise<boolean> {
  const tree = session.engine.trees.host;
  const kept = tree.get(copy);
  if (!kept) return false;
  const outcomes = await host.apply(
    [...removal(path, tree), { do: 'move', path: copy, to: path, expect: kept.print }],
    signal,
  );
  return outcomes.every((outcome) => outcome.done);
}
