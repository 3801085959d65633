import { typeOf } from './entry.ts';
import { ancestorsOf, type BytePath } from './path.ts';
import type { Plan, ReconcileInput } from './reconcile.ts';
import { otherSide, type SideName } from './side.ts';

/** After how many paths others get a chance to work. */
const pause = 250;

/**
 * A folder lives as long as anything below it does: where it was deleted on one side and something in it
 * changed on the other, it comes back; where it became something else, the guest's goes aside.
 */
export function* keepFoldersInUse(input: ReconcileInput, plan: Plan): Generator<undefined> {
  const inUse = new Map<BytePath, Set<SideName>>();
  const use = (path: BytePath, side: SideName): void => {
    for (const folder of ancestorsOf(path)) {
      const sides = inUse.get(folder);
      if (sides?.has(side)) continue;
      if (sides) sides.add(side);
      else inUse.set(folder, new Set([side]));
    }
  };
  let count = 0;
  for (const action of plan.actions) {
    count += 1;
    if (count % pause === 0) yield;
    // What is copied is in use where it comes from, and its folders are where it goes.
    if (action.do === 'copy') use(action.path, otherSide[action.to]);
    if (action.do !== 'conflict') continue;
    use(action.path, 'host');
    use(action.path, 'guest');
  }
  for (const paths of [plan.heldBack, plan.skipped.keys(), plan.unsure.host, plan.unsure.guest]) {
    for (const path of paths) {
      count += 1;
      if (count % pause === 0) yield;
      if (input.host.has(path)) use(path, 'host');
      if (input.guest.has(path)) use(path, 'guest');
    }
  }
  yield;
  for (let at = 0; at < plan.actions.length; at += 1) {
    const action = plan.actions[at];
    if (!action) continue;
    const sides = inUse.get(action.path);
    if (action.do === 'remove' && typeOf(action.entry) === 'd' && sides?.has(action.on)) {
      plan.actions[at] = {
        do: 'copy',
        path: action.path,
        to: otherSide[action.on],
        source: action.entry,
        replaces: undefined,
      };
    } else if (
      action.do === 'copy' &&
      action.replaces &&
      typeOf(action.replaces) === 'd' &&
      typeOf(action.source) !== 'd' &&
      sides?.has(action.to)
    ) {
      // A folder in which something changed would be replaced by a file.
      const guest = action.to === 'guest' ? action.replaces : action.source;
      plan.actions[at] = { do: 'conflict', path: action.path, guest };
    }
    if (at % pause === pause - 1) yield;
  }
  yield* bringFolders(input, plan);
}

/** What is copied needs its folders there, also those that are only left over on the other side. */
function* bringFolders(input: ReconcileInput, plan: Plan): Generator<undefined> {
  const coming = new Set<string>();
  let count = 0;
  for (const action of plan.actions) {
    count += 1;
    if (count % pause === 0) yield;
    if (action.do === 'copy') coming.add(`${action.to} ${action.path}`);
  }
  for (const action of [...plan.actions]) {
    count += 1;
    if (count % pause === 0) yield;
    if (action.do !== 'copy') continue;
    const from = input[otherSide[action.to]];
    const to = input[action.to];
    for (const path of ancestorsOf(action.path)) {
      const source = from.get(path);
      if (to.has(path) || coming.has(`${action.to} ${path}`) || !source || typeOf(source) !== 'd') continue;
      coming.add(`${action.to} ${path}`);
      plan.actions.push({ do: 'copy', path, to: action.to, source, replaces: undefined });
    }
  }
}
