import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';
import type { ConflictBook } from './conflictBook.ts';
import { typeOf, type Entry } from './entry.ts';
import type { HaltAnswer, TwoVersions } from './liveSync.ts';
import { ancestorsOf, depthOf, fromText, type BytePath } from './path.ts';
import type { Action } from './reconcile.ts';
import type { Session, OwnedSide } from './session.ts';
import type { Operation } from './side.ts';
import type { Trees } from './transferBook.ts';

/**
 * Carries out which version of a conflict a person keeps; the conflict is none any more then.
 * @param chosen `at` is its path or that of the guest's version beside it
 * @throws SwitchyardError `sync.conflict` where a file changed in this very moment; what `session` throws
 */
export async function resolveConflict(
  conflicts: ConflictBook,
  session: () => Session,
  { at, keep }: { readonly at: string; readonly keep: 'host' | 'guest' | 'both' },
  signal: AbortSignal,
): Promise<void> {
  const conflict = conflicts.all.find((one) => one.path === at || one.copy === at);
  if (!conflict) return;
  if (keep !== 'both') await keepOne(session(), keep, conflict, signal);
  await conflicts.remove(conflict.copy);
}

async function keepOne(
  session: Session,
  keep: 'host' | 'guest',
  conflict: { readonly path: string; readonly copy: string },
  signal: AbortSignal,
): Promise<void> {
  const [original, copy] = [fromText(conflict.path), fromText(conflict.copy)];
  const done = await session.exclusively(async () => {
    const { host } = session.sides;
    if (keep === 'guest') return takeCopy(session, host, original, copy, signal);
    const outcomes = await host.apply(removal(copy, session.engine.trees.host), signal);
    return outcomes.every((outcome) => outcome.done);
  });
  session.rescan();
  if (!done) throw changedMeanwhile();
}

/** Lets a change of the guest through that was held back, or undoes it. @throws as `resolveConflict` */
export async function decideHeldBack(
  session: Session,
  at: string,
  decision: 'accept' | 'refuse',
  signal: AbortSignal,
): Promise<void> {
  const report = await session.exclusively(() =>
    session.engine.carryOut(heldBackActions(fromText(at), session.engine.trees, decision), signal),
  );
  session.rescan();
  if (report.again.size > 0) throw changedMeanwhile();
}

/** What each side holds at a path; of what is no small file, nothing. */
export async function versions({ sides }: Session, at: string, signal: AbortSignal): Promise<TwoVersions> {
  const [host, guest] = await Promise.all([
    sides.host.read([fromText(at)], signal),
    sides.guest.read([fromText(at)], signal),
  ]);
  return { host: host[0]?.data, guest: guest[0]?.data };
}

/** Goes on after a halt. */
export function answerHalt(session: Session, answer: HaltAnswer): void {
  if (session.emptied) {
    session.answerEmptied(answer);
    return;
  }
  const { guard, baseline } = session.engine;
  if (answer === 'delete') {
    session.force(guard.approve());
    return;
  }
  const paths = guard.release();
  for (const at of paths) baseline.delete(at);
  session.force(paths);
}

/** The guest's held-back change of a path, and of all below it, carried out or undone. */
function heldBackActions(path: BytePath, trees: Trees, decision: 'accept' | 'refuse'): Action[] {
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
function removal(path: BytePath, tree: ReadonlyMap<BytePath, Entry>): Operation[] {
  const paths = [...tree.keys()].filter((at) => at === path || at.startsWith(`${path}/`));
  paths.sort((a, b) => depthOf(b) - depthOf(a));
  return paths.map((at) => ({ do: 'remove', path: at, expect: tree.get(at)?.print ?? '-' }));
}

/** Puts the guest's version of a conflict in the place of the host's. */
async function takeCopy(
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

function changedMeanwhile(): SwitchyardError {
  return new SwitchyardError({
    code: 'sync.conflict',
    what: l10n.t('Your choice was not carried out.'),
    why: l10n.t('The file changed in this very moment.'),
    next: l10n.t('Look at it again, and choose again.'),
    remedies: [],
  });
}
