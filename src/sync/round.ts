import * as l10n from '@vscode/l10n';
import type { Logger } from '../base/log.ts';
import type { Baseline } from './baseline.ts';
import { conflictCopyPath } from './conflictCopy.ts';
import { typeOf, type Entry } from './entry.ts';
import { gitFolderOf, isGitLock, isGitObject } from './git.ts';
import { toText, type BytePath } from './path.ts';
import type { Protection, Rule } from './patterns.ts';
import { reconcile, type Action, type Plan, type ReconcileInput } from './reconcile.ts';
import { inSlices } from './slices.ts';
import { otherSide, type Operation, type SideName } from './side.ts';
import { Transfer, type Sides, type TransferCount, type Trees } from './transfer.ts';

/** What one round of bringing both sides together works with. */
export interface RoundParts {
  readonly sides: Sides;
  readonly baseline: Baseline;
  readonly rules: readonly Rule[];
  readonly protection: Protection;
  readonly log: Logger;
  readonly now: () => Date;
}

/** Deletions that are too many to be done unasked, and where they would be done. */
export interface MassDeletion {
  readonly on: SideName;
  readonly paths: readonly BytePath[];
  /** How many paths both sides had. */
  readonly of: number;
}

export interface RoundReport {
  readonly changed: Record<SideName, number>;
  readonly conflicts: { path: BytePath; copy: BytePath }[];
  heldBack: BytePath[];
  /** Not synced, with the reason in the person's language. */
  skipped: Map<BytePath, string>;
  /** Still to be done: something changed while it was worked on. */
  pending: Set<BytePath>;
  deletions: MassDeletion[];
  readonly full: Set<SideName>;
}

/** How often both sides are looked at again where something changed under way. */
const maxPasses = 6;
const hashBatch = 200;

/** A whole round: scans both sides, and reconciles and transfers until they agree or keep changing. */
export async function round(
  parts: RoundParts,
  tell: (progress: { done: TransferCount; all: TransferCount }) => void,
  signal: AbortSignal,
): Promise<RoundReport> {
  const report: RoundReport = {
    changed: { host: 0, guest: 0 },
    conflicts: [],
    heldBack: [],
    skipped: new Map(),
    pending: new Set(),
    deletions: [],
    full: new Set(),
  };
  for (let pass = 1; pass <= maxPasses; pass += 1) {
    const trees = await scanBoth(parts, signal);
    const locked = takeLocks(trees);
    checkEmptied(parts.baseline, trees);
    const plan = await planWithHashes(parts, trees, signal);
    const { actions, deletions } = hold(plan, parts.baseline, locked);
    report.heldBack = plan.heldBack;
    report.deletions = deletions;
    report.skipped = new Map([...plan.skipped].map(([path, reason]) => [path, inWords(reason)]));
    report.pending = new Set();
    for (const [path, base] of plan.agreed) {
      if (base) parts.baseline.set(path, base);
      else parts.baseline.delete(path);
    }
    if (actions.length === 0) break;
    const moved = await moveAside(parts, trees, actions, report, signal);
    const all = sumUp(actions);
    const done: TransferCount = { files: 0, bytes: 0 };
    const transfer = new Transfer(
      {
        sides: parts.sides,
        trees,
        baseline: parts.baseline,
        count: ({ files, bytes }) => {
          done.files += files;
          done.bytes += bytes;
          tell({ done, all });
        },
      },
      signal,
    );
    await transfer.run(actions);
    const { changed, stale, failed, full } = transfer.result;
    report.changed.host += changed.host;
    report.changed.guest += changed.guest;
    for (const side of full) report.full.add(side);
    for (const [path, reason] of failed) {
      parts.log.warn(`Sync: ${toText(path)}: ${reason}`);
      report.skipped.set(path, reason);
    }
    report.pending = stale;
    if ((stale.size === 0 && !moved) || full.size > 0) break;
  }
  return report;
}

async function scanBoth(parts: RoundParts, signal: AbortSignal): Promise<Trees> {
  const [host, guest] = await Promise.all([
    parts.sides.host.scan(parts.rules, signal),
    parts.sides.guest.scan(parts.rules, signal),
  ]);
  return { host: host.entries, guest: guest.entries };
}

/** git's locks are never synced; the `.git` folders in which one stands. */
function takeLocks(trees: Trees): Set<BytePath> {
  const locked = new Set<BytePath>();
  for (const tree of [trees.host, trees.guest]) {
    for (const path of tree.keys()) {
      if (!isGitLock(path)) continue;
      const folder = gitFolderOf(path);
      if (folder !== undefined) locked.add(folder);
      tree.delete(path);
    }
  }
  return locked;
}

/** A side that held something and holds nothing now is more likely broken than emptied on purpose. */
export class Emptied extends Error {
  override readonly name = 'Emptied';
  readonly side: SideName;
  constructor(side: SideName) {
    super(`The workspace on the ${side} is empty.`);
    this.side = side;
  }
}

function checkEmptied(baseline: Baseline, trees: Trees): void {
  if (baseline.entries.size === 0) return;
  for (const side of ['host', 'guest'] as const) {
    if (trees[side].size === 0 && trees[otherSide[side]].size > 0) throw new Emptied(side);
  }
}

async function planWithHashes(parts: RoundParts, trees: Trees, signal: AbortSignal): Promise<Plan> {
  const input = {
    baseline: parts.baseline.entries,
    host: trees.host,
    guest: trees.guest,
    hostHashes: new Map<BytePath, string>(),
    guestHashes: new Map<BytePath, string>(),
    isProtected: (path: BytePath, isFolder: boolean) => parts.protection.covers(path, isFolder),
  } satisfies ReconcileInput;
  for (;;) {
    const plan = await inSlices(reconcile(input), signal);
    const { host, guest } = plan.unsure;
    if (host.length + guest.length === 0) return plan;
    await Promise.all([
      hashInto(parts, trees, 'host', host, input.hostHashes, signal),
      hashInto(parts, trees, 'guest', guest, input.guestHashes, signal),
    ]);
  }
}

async function hashInto(
  parts: RoundParts,
  trees: Trees,
  side: SideName,
  paths: readonly BytePath[],
  hashes: Map<BytePath, string>,
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < paths.length; at += hashBatch) {
    const batch = paths.slice(at, at + hashBatch);
    const found = await parts.sides[side].hash(batch, signal);
    for (const [index, path] of batch.entries()) {
      const hashed = found[index];
      // Gone, or never still: nothing is decided about it now.
      if (!hashed) trees[side].set(path, { print: 'e', target: 'it changes all the time', racy: false });
      else {
        trees[side].set(path, hashed.entry);
        hashes.set(path, hashed.hash);
      }
    }
  }
}

/** Takes out of a plan what must not be done now. */
function hold(
  plan: Plan,
  baseline: Baseline,
  locked: ReadonlySet<BytePath>,
): { actions: Action[]; deletions: MassDeletion[] } {
  let actions = plan.actions.filter((action) => {
    if (action.do === 'remove' && isGitObject(action.path) && typeOf(action.entry) !== 'd') {
      const base = baseline.entries.get(action.path);
      if (base) baseline.set(action.path, { ...base, leftOn: action.on });
      return false;
    }
    const git = gitFolderOf(action.path);
    return git === undefined || !locked.has(git);
  });
  const deletions: MassDeletion[] = [];
  const of = baseline.entries.size;
  for (const on of ['host', 'guest'] as const) {
    const paths = actions.filter((a) => a.do === 'remove' && a.on === on).map((action) => action.path);
    if (paths.length <= Math.max(50, of / 5)) continue;
    deletions.push({ on, paths, of });
    actions = actions.filter((action) => action.do !== 'remove' || action.on !== on);
  }
  return { actions, deletions };
}

/** Moves the guest's entry of each conflict to a path of its own; true where there was any. */
async function moveAside(
  parts: RoundParts,
  trees: Trees,
  actions: readonly Action[],
  report: RoundReport,
  signal: AbortSignal,
): Promise<boolean> {
  const conflicts = actions.filter((action) => action.do === 'conflict');
  if (conflicts.length === 0) return false;
  const taken = new Set<BytePath>();
  const operations: Operation[] = [];
  const folders: Operation[] = [];
  for (const { path, guest } of conflicts) {
    const copy = conflictCopyPath(path, parts.now(), (candidate) => {
      return trees.host.has(candidate) || trees.guest.has(candidate) || taken.has(candidate);
    });
    taken.add(copy);
    for (const folder of missingFolders(copy, trees.guest, taken))
      folders.push({ do: 'folder', path: folder });
    operations.push({ do: 'move', path, to: copy, expect: guest.print });
  }
  await parts.sides.guest.apply(folders, signal);
  const outcomes = await parts.sides.guest.apply(operations, signal);
  for (const [index, outcome] of outcomes.entries()) {
    const operation = operations[index];
    if (!outcome.done || operation?.do !== 'move') continue;
    report.conflicts.push({ path: operation.path, copy: operation.to });
    parts.log.warn(
      `Sync: both sides changed ${toText(operation.path)}; the guest's is now ${toText(operation.to)}.`,
    );
  }
  return true;
}

/** The folders above `path` that are not there yet, outermost first. */
function missingFolders(
  path: BytePath,
  tree: ReadonlyMap<BytePath, Entry>,
  taken: Set<BytePath>,
): BytePath[] {
  const missing: BytePath[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const folder = path.slice(0, slash);
    if (tree.has(folder) || taken.has(folder)) continue;
    taken.add(folder);
    missing.push(folder);
  }
  return missing;
}

function sumUp(actions: readonly Action[]): TransferCount {
  const all: TransferCount = { files: 0, bytes: 0 };
  for (const action of actions) {
    if (action.do !== 'copy') continue;
    all.files += 1;
    if (action.source.print.startsWith('f')) all.bytes += Number(action.source.print.split(' ')[1]);
  }
  return all;
}

/** The reasons that the sides give, for a person. */
function inWords(reason: string): string {
  switch (reason) {
    case 'the link leads out of the workspace':
      return l10n.t('The link leads out of the workspace.');
    case 'it is no file, folder or link':
      return l10n.t('It is no file, folder or link.');
    case 'it changes all the time':
      return l10n.t('It changes all the time.');
    case 'a folder above it could not be read, or is none':
      return l10n.t('A folder above it could not be read.');
    default:
      return l10n.t('It could not be read ({0}).', reason);
  }
}
