import type { Logger } from '../base/log.ts';
import type { Baseline } from './baseline.ts';
import type { BulkUpload } from './bulk.ts';
import { sizeOf, typeOf } from './entry.ts';
import { gitFolderOf, isGitLock, isGitObject } from './git.ts';
import { GitLocks } from './gitLocks.ts';
import { freshObjects } from './gitObjects.ts';
import { checkEmptied, DeletionGuard } from './halts.ts';
import type { LargeStream } from './largeStream.ts';
import { toText, type BytePath } from './path.ts';
import type { Protection, Rule } from './patterns.ts';
import type { Action, Plan } from './reconcile.ts';
import { eachInSlices, filterInSlices, inSlices } from './slices.ts';
import type { SideName } from './side.ts';
import { below, moveAside } from './moveAside.ts';
import { NameClashes } from './nameClashes.ts';
import { makePlan } from './planner.ts';
import { add, nothing, type StepReport } from './stepReport.ts';
import { Transfer, type Sides } from './transfer.ts';
import type { TransferCount, Trees } from './transferBook.ts';

export interface EngineParts {
  readonly sides: Sides;
  readonly baseline: Baseline;
  readonly rules: readonly Rule[];
  readonly protection: Protection;
  readonly log: Logger;
  readonly now: () => Date;
  /** For much at once, where the guest can take it. */
  readonly bulk: BulkUpload | undefined;
  /** For large files, where the guest can take them so. */
  readonly stream: LargeStream | undefined;
  /** What an editor holds unsaved changes of: nothing writes under them. */
  readonly unsavedOnHost: () => Promise<ReadonlySet<BytePath>>;
  readonly onProgress: (progress: { done: TransferCount; all: TransferCount }) => void;
  readonly onSent: (count: TransferCount) => void;
}

/** How often a whole scan is repeated where something changed under way. */
const maxPasses = 6;
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
  readonly #locks = new GitLocks();
  readonly #clashes = new NameClashes();

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
   * @param trustsPrints does not read again what was written just now: `baseline.racy` is for later
   * @throws Emptied where one of them lost everything
   */
  async everything(signal: AbortSignal, trustsPrints = false): Promise<StepReport> {
    let sum: StepReport | undefined;
    for (let pass = 1; pass <= maxPasses; pass += 1) {
      await this.#scan(signal);
      if (this.meantEmpty) this.guard.approveAll(this.baseline.entries.keys());
      else checkEmptied(this.baseline.entries, this.#trees);
      const step = await this.#step(undefined, trustsPrints, signal);
      sum = sum ? add(sum, step) : step;
      if (step.again.size === 0 || step.full.size > 0) break;
    }
    this.meantEmpty = false;
    this.#parts.bulk?.endAhead();
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
    return this.#step(touched, false, signal);
  }

  /** Carries out what a person decided, through the same checks as all else. */
  async carryOut(actions: readonly Action[], signal: AbortSignal): Promise<StepReport> {
    for (const action of actions) this.heldBack.delete(action.path);
    return this.#transfer(actions, signal);
  }

  async #scan(signal: AbortSignal): Promise<void> {
    const { sides, rules } = this.#parts;
    const [host, guest] = await Promise.all([
      sides.host.scan(rules, signal, this.#trees.host),
      sides.guest.scan(rules, signal, this.#trees.guest),
    ]);
    this.#trees = { host: host.entries, guest: guest.entries };
    for (const side of ['host', 'guest'] as const) {
      await this.#locks.takeFrom(side, this.#trees[side], signal);
    }
    this.heldBack.clear();
    this.skipped.clear();
    this.#clashes.forget();
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
    const gone = new Set<BytePath>();
    for (const [index, path] of paths.entries()) {
      const entry = found[index];
      if (isGitLock(path)) {
        if (this.#locks.note(side, path, entry !== undefined)) this.#touchWaiting(path, touched);
        continue;
      }
      const known = tree.get(path);
      // An echo of what the sync itself wrote, told by the state it left.
      if (entry?.print === known?.print && !this.postponed.has(path)) continue;
      touched.add(path);
      if (entry) tree.set(path, entry);
      else tree.delete(path);
      if (known && typeOf(known) === 'd' && (!entry || typeOf(entry) !== 'd')) gone.add(path);
    }
    if (gone.size === 0) return;
    for (const inner of await below(gone, tree.keys(), signal)) {
      tree.delete(inner);
      touched.add(inner);
    }
  }

  /** What waited for this lock to go. */
  #touchWaiting(lock: BytePath, touched: Set<BytePath>): void {
    const folder = gitFolderOf(lock);
    for (const waiting of this.postponed) if (gitFolderOf(waiting) === folder) touched.add(waiting);
  }

  async #step(
    touched: ReadonlySet<BytePath> | undefined,
    trustsPrints: boolean,
    signal: AbortSignal,
  ): Promise<StepReport> {
    const planOf = (paths: ReadonlySet<BytePath> | undefined): Promise<Plan> =>
      makePlan(this.#parts, this.#trees, paths, trustsPrints, signal);
    let plan = await planOf(touched);
    const objects = await freshObjects(plan.actions, { ...this.#parts, trees: this.#trees }, signal);
    if (objects.size > 0) {
      plan = await planOf(touched && new Set([...touched, ...objects]));
    }
    await eachInSlices(
      plan.agreed,
      ([path, base]) => {
        if (base) this.baseline.set(path, base);
        else this.baseline.delete(path);
      },
      signal,
    );
    for (const path of touched ?? []) {
      this.heldBack.delete(path);
      this.skipped.delete(path);
      this.postponed.delete(path);
    }
    for (const path of plan.heldBack) this.heldBack.add(path);
    for (const [path, reason] of plan.skipped) this.skipped.set(path, reason);
    const unsaved = plan.actions.some(reachesHost) ? await this.#parts.unsavedOnHost() : new Set<BytePath>();
    const due = await filterInSlices(plan.actions, this.#isDue(unsaved), signal);
    const allowed = await inSlices(this.guard.pass(due, this.baseline.entries), signal);
    return this.#transfer(allowed, signal);
  }

  async #transfer(planned: readonly Action[], signal: AbortSignal): Promise<StepReport> {
    const { conflicts, again } = await moveAside(planned, { ...this.#parts, trees: this.#trees }, signal);
    // What was planned before is no longer what is wanted there, such as the removal of a ref that was packed.
    const actions =
      again.size === 0 ? planned : await filterInSlices(planned, ({ path }) => !again.has(path), signal);
    const all = await sumUp(actions, signal);
    const done: TransferCount = { files: 0, bytes: 0 };
    const transfer = new Transfer(
      {
        sides: this.#parts.sides,
        trees: this.#trees,
        baseline: this.baseline,
        bulk: this.#parts.bulk,
        stream: this.#parts.stream,
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
    const { changed, stale, failed, full } = transfer.result;
    for (const [path, reason] of failed) {
      this.#parts.log.warn(`Sync: ${toText(path)}: ${reason}`);
      this.skipped.set(path, reason);
    }
    await this.#clashes.look(actions, stale, { sides: this.#parts.sides, trees: this.#trees }, signal);
    for (const path of stale) if (!this.#skipsClash(path)) again.add(path);
    return { changed, conflicts, again, full };
  }

  /** True where a disk takes the path's name for another one; remembers that it is not synced. */
  #skipsClash(path: BytePath): boolean {
    const reason = this.#clashes.reasonFor(path);
    if (reason !== undefined) this.skipped.set(path, reason);
    return reason !== undefined;
  }

  /** Tells of each action of a plan whether it may be done now; remembers those that may not. */
  #isDue(unsaved: ReadonlySet<BytePath>): (action: Action) => boolean {
    const locked = this.#locks.folders();
    return (action) => {
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
      if (action.do === 'copy' && this.#skipsClash(action.path)) return false;
      if (reachesHost(action) && unsaved.has(action.path)) {
        this.postponed.add(action.path);
        return false;
      }
      return true;
    };
  }
}

function reachesHost(action: Action): boolean {
  return (action.do === 'copy' && action.to === 'host') || (action.do === 'remove' && action.on === 'host');
}

async function sumUp(actions: readonly Action[], signal: AbortSignal): Promise<TransferCount> {
  const all: TransferCount = { files: 0, bytes: 0 };
  await eachInSlices(
    actions,
    (action) => {
      if (action.do !== 'copy') return;
      all.files += 1;
      all.bytes += sizeOf(action.source);
    },
    signal,
  );
  return all;
}
