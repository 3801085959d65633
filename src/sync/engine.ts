import type { Logger } from '../base/log.ts';
import type { Baseline } from './baseline.ts';
import type { BulkUpload } from './bulk.ts';
import { conflictPlace } from './conflictCopy.ts';
import { sizeOf, typeOf, type Entry } from './entry.ts';
import { gitFolderOf, isGitLock, isGitObject } from './git.ts';
import { checkEmptied, DeletionGuard } from './halts.ts';
import { ancestorsOf, toText, type BytePath } from './path.ts';
import type { Protection, Rule } from './patterns.ts';
import { reconcile, type Action, type Plan, type ReconcileInput } from './reconcile.ts';
import { inSlices } from './slices.ts';
import { wholeFileBytes, type Operation, type SideName } from './side.ts';
import { Transfer, type Contents, type Sides, type TransferCount, type Trees } from './transfer.ts';

export interface EngineParts {
  readonly sides: Sides;
  readonly baseline: Baseline;
  readonly rules: readonly Rule[];
  readonly protection: Protection;
  readonly log: Logger;
  readonly now: () => Date;
  /** For much at once, where the guest can take it. */
  readonly bulk: BulkUpload | undefined;
  /** False while an editor holds unsaved changes of that file. */
  readonly mayWriteHost: (path: BytePath) => boolean;
  readonly onProgress: (progress: { done: TransferCount; all: TransferCount }) => void;
  readonly onSent: (count: TransferCount) => void;
}

/** What one step did and could not do. */
export interface StepReport {
  readonly changed: Record<SideName, number>;
  readonly conflicts: readonly { readonly path: BytePath; readonly copy: BytePath }[];
  /** Changed while it was worked on: to be looked at again. */
  readonly again: ReadonlySet<BytePath>;
  readonly full: ReadonlySet<SideName>;
}

/** How often a whole scan is repeated where something changed under way. */
const maxPasses = 6;
const hashBatch = 200;
/** What is read whole instead of hashed, because it will most likely be sent: files, and bytes in all. */
const readAhead = { count: 256, bytes: 4 * 1024 * 1024 };

/**
 * Brings two sides together: knows what each holds, plans, asks what must be asked, transfers, and keeps
 * account of what cannot be done. One step at a time; the caller sees to that.
 */
export class Engine {
  readonly guard = new DeletionGuard();
  /** The person said that the emptied side is meant to be so; taken by the next whole look. */
  meantEmpty = false;
  /** What the guest changed and must not be written back unasked. */
  readonly heldBack = new Set<BytePath>();
  /** Not synced, with the reason as an English phrase. */
  readonly skipped = new Map<BytePath, string>();
  /** Waiting for git to let go of its lock, or for an editor to save. */
  readonly postponed = new Set<BytePath>();
  readonly #parts: EngineParts;
  #trees: Trees = { host: new Map(), guest: new Map() };
  readonly #locks: Record<SideName, Set<BytePath>> = { host: new Set(), guest: new Set() };
  /** Read in this step to compare it. */
  readonly #contents: Contents = { host: new Map(), guest: new Map() };

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  get trees(): Trees {
    return this.#trees;
  }

  get baseline(): Baseline {
    return this.#parts.baseline;
  }

  /**
   * Looks at both sides whole, and brings them together.
   * @throws Emptied where one of them lost everything
   */
  async everything(signal: AbortSignal): Promise<StepReport> {
    let sum: StepReport | undefined;
    for (let pass = 1; pass <= maxPasses; pass += 1) {
      await this.#scan(signal);
      if (this.meantEmpty) this.guard.approveAll(this.baseline.entries.keys());
      else checkEmptied(this.baseline.entries, this.#trees);
      const step = await this.#step(undefined, signal);
      sum = sum ? add(sum, step) : step;
      if (step.again.size === 0 || step.full.size > 0) break;
    }
    this.meantEmpty = false;
    return sum ?? nothing;
  }

  /**
   * Brings these paths together, which may have changed on that side.
   * @param forced looked at on both sides, and reconciled also where nothing changed
   */
  async some(
    dirty: Readonly<Record<SideName, ReadonlySet<BytePath>>>,
    forced: ReadonlySet<BytePath>,
    signal: AbortSignal,
  ): Promise<StepReport> {
    const touched = new Set(forced);
    await Promise.all([
      this.#look('host', new Set([...dirty.host, ...forced]), touched, signal),
      this.#look('guest', new Set([...dirty.guest, ...forced]), touched, signal),
    ]);
    if (touched.size === 0) return nothing;
    if (this.#trees.host.size === 0 || this.#trees.guest.size === 0) {
      checkEmptied(this.baseline.entries, this.#trees);
    }
    return this.#step(touched, signal);
  }

  /** Carries out what a person decided, through the same checks as all else. */
  async carryOut(actions: readonly Action[], signal: AbortSignal): Promise<StepReport> {
    for (const action of actions) this.heldBack.delete(action.path);
    return this.#transfer([...actions], signal);
  }

  async #scan(signal: AbortSignal): Promise<void> {
    const { sides, rules } = this.#parts;
    const [host, guest] = await Promise.all([
      sides.host.scan(rules, signal),
      sides.guest.scan(rules, signal),
    ]);
    this.#trees = { host: host.entries, guest: guest.entries };
    for (const side of ['host', 'guest'] as const) {
      this.#locks[side].clear();
      for (const path of this.#trees[side].keys()) {
        if (!isGitLock(path)) continue;
        this.#locks[side].add(path);
        this.#trees[side].delete(path);
      }
    }
    this.heldBack.clear();
    this.skipped.clear();
    this.postponed.clear();
    this.guard.release();
  }

  /** Asks what stands at the paths now. What differs from what was known is added to `touched`. */
  async #look(
    side: SideName,
    dirty: ReadonlySet<BytePath>,
    touched: Set<BytePath>,
    signal: AbortSignal,
  ): Promise<void> {
    if (dirty.size === 0) return;
    const paths = [...dirty];
    const tree = this.#trees[side];
    const found = await this.#parts.sides[side].stat(paths, signal);
    for (const [index, path] of paths.entries()) {
      const entry = found[index];
      if (isGitLock(path)) {
        this.#lock(side, path, entry !== undefined, touched);
        continue;
      }
      const known = tree.get(path);
      // An echo of what the sync itself wrote, told by the state it left.
      if (entry?.print === known?.print && !this.postponed.has(path)) continue;
      touched.add(path);
      if (entry) tree.set(path, entry);
      else tree.delete(path);
      if (known && typeOf(known) === 'd' && (!entry || typeOf(entry) !== 'd')) {
        for (const inner of below(path, tree.keys())) {
          tree.delete(inner);
          touched.add(inner);
        }
      }
    }
  }

  #lock(side: SideName, path: BytePath, stands: boolean, touched: Set<BytePath>): void {
    if (stands) {
      this.#locks[side].add(path);
      return;
    }
    if (!this.#locks[side].delete(path)) return;
    const folder = gitFolderOf(path);
    for (const waiting of this.postponed) if (gitFolderOf(waiting) === folder) touched.add(waiting);
  }

  async #step(touched: ReadonlySet<BytePath> | undefined, signal: AbortSignal): Promise<StepReport> {
    const plan = await this.#plan(touched, signal);
    for (const [path, base] of plan.agreed) {
      if (base) this.baseline.set(path, base);
      else this.baseline.delete(path);
    }
    for (const path of touched ?? []) {
      this.heldBack.delete(path);
      this.skipped.delete(path);
      this.postponed.delete(path);
    }
    for (const path of plan.heldBack) this.heldBack.add(path);
    for (const [path, reason] of plan.skipped) this.skipped.set(path, reason);
    const allowed = this.guard.pass(this.#due(plan.actions), this.baseline.entries);
    return this.#transfer(allowed, signal);
  }

  async #transfer(actions: Action[], signal: AbortSignal): Promise<StepReport> {
    const { conflicts, again } = await this.#moveAside(actions, signal);
    const all = sumUp(actions);
    const done: TransferCount = { files: 0, bytes: 0 };
    const transfer = new Transfer(
      {
        sides: this.#parts.sides,
        trees: this.#trees,
        baseline: this.baseline,
        bulk: this.#parts.bulk,
        contents: this.#contents,
        count: (count) => {
          done.files += count.files;
          done.bytes += count.bytes;
          this.#parts.onSent(count);
          this.#parts.onProgress({ done, all });
        },
      },
      signal,
    );
    await transfer.run(actions);
    this.#contents.host.clear();
    this.#contents.guest.clear();
    const { changed, stale, failed, full } = transfer.result;
    for (const [path, reason] of failed) {
      this.#parts.log.warn(`Sync: ${toText(path)}: ${reason}`);
      this.skipped.set(path, reason);
    }
    for (const path of stale) again.add(path);
    return { changed, conflicts, again, full };
  }

  async #plan(touched: ReadonlySet<BytePath> | undefined, signal: AbortSignal): Promise<Plan> {
    this.#contents.host.clear();
    this.#contents.guest.clear();
    const input = {
      baseline: this.baseline.entries,
      host: this.#trees.host,
      guest: this.#trees.guest,
      hostHashes: new Map<BytePath, string>(),
      guestHashes: new Map<BytePath, string>(),
      isProtected: (path: BytePath, isFolder: boolean) => this.#parts.protection.covers(path, isFolder),
    } satisfies ReconcileInput;
    for (;;) {
      const plan = await inSlices(reconcile(input, touched), signal);
      const { host, guest } = plan.unsure;
      if (host.length + guest.length === 0) return plan;
      const base = this.baseline.entries;
      // What changed on one side only is on its way to the other: its content is wanted as well as its hash.
      const sent = (side: SideName) => (path: BytePath) => {
        const [entry, known] = [this.#trees[side].get(path), base.get(path)];
        return entry !== undefined && known !== undefined && entry.print !== known[side];
      };
      await Promise.all([
        this.#compare('host', host, sent('host'), input.hostHashes, signal),
        this.#compare('guest', guest, sent('guest'), input.guestHashes, signal),
      ]);
    }
  }

  async #compare(
    side: SideName,
    paths: readonly BytePath[],
    isSent: (path: BytePath) => boolean,
    hashes: Map<BytePath, string>,
    signal: AbortSignal,
  ): Promise<void> {
    let bytes = 0;
    const ahead = paths.filter((path) => {
      const entry = this.#trees[side].get(path);
      if (!entry || !isSent(path) || sizeOf(entry) > wholeFileBytes) return false;
      bytes += sizeOf(entry);
      return bytes <= readAhead.bytes;
    });
    ahead.length = Math.min(ahead.length, readAhead.count);
    const read = new Set(ahead);
    if (ahead.length > 0) {
      const found = await this.#parts.sides[side].read(ahead, signal);
      for (const [index, path] of ahead.entries()) {
        const file = found[index];
        this.#trees[side].set(path, file?.entry ?? restless);
        if (file?.hash === undefined) continue;
        hashes.set(path, file.hash);
        this.#contents[side].set(path, file);
      }
    }
    await this.#hash(
      side,
      paths.filter((path) => !read.has(path)),
      hashes,
      signal,
    );
  }

  async #hash(
    side: SideName,
    paths: readonly BytePath[],
    hashes: Map<BytePath, string>,
    signal: AbortSignal,
  ): Promise<void> {
    for (let at = 0; at < paths.length; at += hashBatch) {
      const batch = paths.slice(at, at + hashBatch);
      const found = await this.#parts.sides[side].hash(batch, signal);
      for (const [index, path] of batch.entries()) {
        const hashed = found[index];
        // Gone, or never still: nothing is decided about it now.
        this.#trees[side].set(path, hashed?.entry ?? restless);
        if (hashed) hashes.set(path, hashed.hash);
      }
    }
  }

  /** Takes out of a plan what must not be done now. */
  #due(actions: readonly Action[]): Action[] {
    const locked = new Set<BytePath | undefined>();
    for (const lock of [...this.#locks.host, ...this.#locks.guest]) locked.add(gitFolderOf(lock));
    return actions.filter((action) => {
      const git = gitFolderOf(action.path);
      if (git !== undefined && locked.has(git)) {
        this.postponed.add(action.path);
        return false;
      }
      if (action.do === 'remove' && isGitObject(action.path) && typeOf(action.entry) !== 'd') {
        const base = this.baseline.entries.get(action.path);
        if (base) this.baseline.set(action.path, { ...base, leftOn: action.on });
        return false;
      }
      const onHost =
        (action.do === 'copy' && action.to === 'host') || (action.do === 'remove' && action.on === 'host');
      if (onHost && !this.#parts.mayWriteHost(action.path)) {
        this.postponed.add(action.path);
        return false;
      }
      return true;
    });
  }

  /** Moves the guest's entry of each conflict to a path of its own, or to the trash what has no use. */
  async #moveAside(
    actions: readonly Action[],
    signal: AbortSignal,
  ): Promise<{ conflicts: { path: BytePath; copy: BytePath }[]; again: Set<BytePath> }> {
    const conflicts: { path: BytePath; copy: BytePath }[] = [];
    const again = new Set<BytePath>();
    const taken = new Set<BytePath>();
    const operations: Operation[] = [];
    const { host, guest } = this.#trees;
    for (const action of actions) {
      if (action.do !== 'conflict') continue;
      const { path } = action;
      again.add(path);
      const copy = conflictPlace(
        path,
        this.#parts.now(),
        (at) => host.has(at) || guest.has(at) || taken.has(at),
      );
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
    const outcomes = await this.#parts.sides.guest.apply(operations, signal);
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
        this.#parts.log.warn(
          `Sync: both sides changed ${toText(operation.path)}; the guest's is now ${toText(operation.to)}.`,
        );
      }
    }
    return { conflicts, again };
  }
}

const nothing: StepReport = {
  changed: { host: 0, guest: 0 },
  conflicts: [],
  again: new Set(),
  full: new Set(),
};

const restless: Entry = { print: 'e', target: 'it changes all the time', racy: false };

function add(a: StepReport, b: StepReport): StepReport {
  return {
    changed: { host: a.changed.host + b.changed.host, guest: a.changed.guest + b.changed.guest },
    conflicts: [...a.conflicts, ...b.conflicts],
    again: b.again,
    full: new Set([...a.full, ...b.full]),
  };
}

function below(folder: BytePath, paths: Iterable<BytePath>): BytePath[] {
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

function sumUp(actions: readonly Action[]): TransferCount {
  const all: TransferCount = { files: 0, bytes: 0 };
  for (const action of actions) {
    if (action.do !== 'copy') continue;
    all.files += 1;
    if (action.source.print.startsWith('f')) all.bytes += Number(action.source.print.split(' ')[1]);
  }
  return all;
}
