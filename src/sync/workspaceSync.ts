import * as l10n from '@vscode/l10n';
import * as path from 'node:path';
import { withDeadline } from '../base/abort.ts';
import { Emitter } from '../base/event.ts';
import { isCancellation, SwitchyardError } from '../base/errors.ts';
import type { Progress } from '../base/progress.ts';
import type { CarryReport, CarryRequest } from './carrier.ts';
import { ConflictBook } from './conflictBook.ts';
import type { StepReport } from './engine.ts';
import { typeOf } from './entry.ts';
import type { HaltAnswer, HeldChange, LiveSync, SyncHalt, SyncHealth, TwoVersions } from './liveSync.ts';
import { SyncLock } from './lock.ts';
import { openSession, type WorkspaceSyncOptions } from './openSession.ts';
import { fromText, toText, type BytePath } from './path.ts';
import { Rate } from './rate.ts';
import { diskFull, explain, skipReason } from './reasons.ts';
import type { Session } from './session.ts';
import type { TransferCount } from './transfer.ts';
import { heldBackActions, removal, takeCopy } from './verbs.ts';

export type { WorkspaceSyncOptions } from './openSession.ts';

/** How often, at most, a person sees the figures move, in milliseconds. */
const tellEveryMs = 200;
const settleMs = 60_000;
const examples = 5;

interface Attached {
  readonly session: Session;
  readonly request: CarryRequest;
  readonly lock: SyncLock;
}

/** Keeps the workspace of one project the same on the host and in one environment. */
export class WorkspaceSync implements LiveSync {
  readonly trashFolder: string;
  readonly onDidChangeHealth;
  readonly #options: WorkspaceSyncOptions;
  readonly #conflicts: ConflictBook;
  readonly #changed = new Emitter<SyncHealth>();
  readonly #rate = new Rate();
  #attached: Attached | undefined;
  #problem: SwitchyardError | undefined;
  #working = 0;
  #transfer: { done: TransferCount; all: TransferCount; since: number } | undefined;
  #telling: NodeJS.Timeout | undefined;
  #listeners: ((progress: { done: TransferCount; all: TransferCount }) => void)[] = [];

  constructor(options: WorkspaceSyncOptions) {
    this.#options = options;
    this.trashFolder = path.join(options.stateFolder, 'trash');
    this.#conflicts = new ConflictBook(options.stateFolder);
    this.onDidChangeHealth = this.#changed.event;
  }

  async carry(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    if (this.#attached) return this.#everything(this.#attached.session, request, progress, signal);
    return this.#guarded(request, async () => {
      const lock = await this.#lock(signal);
      try {
        const session = await this.#open(request, signal);
        try {
          return await this.#everything(session, request, progress, signal);
        } finally {
          await this.#settle(session);
          session.dispose();
        }
      } finally {
        await lock.release();
      }
    });
  }

  async attach(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    if (this.#attached?.request.connection === request.connection) {
      return this.carry(request, progress, signal);
    }
    if (this.#attached) await this.#end(this.#attached);
    return this.#guarded(request, async () => {
      const lock = await this.#lock(signal);
      let session: Session | undefined;
      try {
        session = await this.#open(request, signal);
        const attached = { session, request, lock };
        this.#attached = attached;
        session.onDidChange(() => this.#tellSoon());
        session.onDidEnd((error) => void this.#lost(attached, error));
        await session.goLive(signal);
        return await this.#everything(session, request, progress, signal);
      } catch (error) {
        // A halt is for the person to answer, in this very session.
        if (error instanceof SwitchyardError && error.code === 'sync.halted') throw error;
        this.#attached = undefined;
        session?.dispose();
        await lock.release();
        throw error;
      }
    });
  }

  async detach(signal: AbortSignal): Promise<void> {
    const attached = this.#attached;
    if (!attached) return;
    try {
      if (!attached.session.isPaused && !attached.session.emptied) await attached.session.everything(signal);
      await attached.session.settle(withDeadline(signal, settleMs));
    } catch (error) {
      // What is left goes with the next session, which looks at everything.
      this.#options.log.info(`Sync: not everything went across before the end: ${String(error)}`);
    } finally {
      await this.#end(attached);
    }
  }

  async flush(signal: AbortSignal): Promise<boolean> {
    const session = this.#attached?.session;
    if (!session || session.isPaused || session.emptied) return false;
    const report = await session.everything(signal);
    await session.settle(signal);
    return report.again.size === 0 && session.engine.heldBack.size === 0 && !this.health.halt;
  }

  rescan(): void {
    this.#attached?.session.rescan();
  }

  pause(): void {
    this.#attached?.session.pause();
  }

  resume(): void {
    this.#attached?.session.resume();
  }

  async resolveConflict(at: string, keep: 'host' | 'guest' | 'both', signal: AbortSignal): Promise<void> {
    const conflict = this.#conflicts.all.find((one) => one.path === at || one.copy === at);
    if (!conflict) return;
    if (keep !== 'both') {
      const session = this.#needSession();
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
    await this.#conflicts.remove(conflict.copy);
    this.#tellSoon();
  }

  async decideHeldBack(at: string, decision: 'accept' | 'refuse', signal: AbortSignal): Promise<void> {
    const session = this.#needSession();
    const report = await session.exclusively(() =>
      session.engine.carryOut(heldBackActions(fromText(at), session.engine.trees, decision), signal),
    );
    session.rescan();
    if (report.again.size > 0) throw changedMeanwhile();
  }

  async versions(at: string, signal: AbortSignal): Promise<TwoVersions> {
    const { sides } = this.#needSession();
    const [host, guest] = await Promise.all([
      sides.host.read([fromText(at)], signal),
      sides.guest.read([fromText(at)], signal),
    ]);
    return { host: host[0]?.data, guest: guest[0]?.data };
  }

  answerHalt(answer: HaltAnswer): void {
    const session = this.#attached?.session;
    if (!session) return;
    if (session.emptied) {
      session.answerEmptied(answer);
      return;
    }
    const { guard, baseline } = session.engine;
    if (answer === 'delete') session.force(guard.approve());
    else {
      const paths = guard.release();
      for (const at of paths) baseline.delete(at);
      session.force(paths);
    }
  }

  dispose(): void {
    clearTimeout(this.#telling);
    const attached = this.#attached;
    this.#attached = undefined;
    attached?.session.dispose();
    attached?.lock.releaseNow();
    this.#changed.dispose();
  }

  get health(): SyncHealth {
    const session = this.#attached?.session;
    const engine = session?.engine;
    const halt = this.#halt(session);
    return {
      state: this.#state(session, halt),
      inSyncSince: session?.inSyncSince,
      pending: session?.pending ?? 0,
      ...this.#rate.last,
      transfer: this.#transferNow(),
      conflicts: this.#conflicts.all,
      heldBack: engine ? [...engine.heldBack].map((at) => heldChange(at, engine.trees)) : [],
      skipped: engine
        ? [...engine.skipped].map(([at, reason]) => ({ path: toText(at), reason: skipReason(reason) }))
        : [],
      lastScan: session?.lastScan,
      halt,
      watching: session && {
        host: session.isPolling.host ? 'polling' : 'events',
        guest: session.isPolling.guest ? 'polling' : 'events',
      },
      problem: this.#problem ?? [...(session?.full ?? [])].map(diskFull)[0],
    };
  }

  #state(session: Session | undefined, halt: SyncHalt | undefined): SyncHealth['state'] {
    if (!session) return this.#problem ? 'failed' : this.#working > 0 ? 'syncing' : 'detached';
    if (session.isPaused) return 'paused';
    if (halt) return 'halted';
    return session.inSyncSince ? 'inSync' : 'syncing';
  }

  #halt(session: Session | undefined): SyncHalt | undefined {
    if (session?.emptied) return { saw: 'emptied', side: session.emptied };
    const [held] = session?.engine.guard.held(session.baseline.entries.size) ?? [];
    if (!held) return undefined;
    const paths = [...held.paths];
    return {
      saw: 'deletions',
      on: held.on,
      count: paths.length,
      of: held.of,
      examples: paths.slice(0, examples).map(toText),
    };
  }

  async #guarded<T>(request: CarryRequest, work: () => Promise<T>): Promise<T> {
    this.#problem = undefined;
    this.#working += 1;
    this.#tellSoon();
    try {
      return await work();
    } catch (error) {
      const explained = explain(error, request.guestFolder);
      if (!isCancellation(error)) this.#problem = explained.code === 'sync.halted' ? undefined : explained;
      throw explained;
    } finally {
      this.#working -= 1;
      this.#tellSoon();
    }
  }

  async #lock(signal: AbortSignal): Promise<SyncLock> {
    return SyncLock.acquire(path.join(this.#options.stateFolder, 'lock'), signal);
  }

  async #open(request: CarryRequest, signal: AbortSignal): Promise<Session> {
    await this.#conflicts.load();
    const session = await openSession(
      this.#options,
      request,
      {
        onProgress: (progress) => {
          this.#transfer = { ...progress, since: this.#transfer?.since ?? performance.now() };
          for (const listener of this.#listeners) listener(progress);
          this.#tellSoon();
        },
        onSent: ({ files, bytes }) => this.#rate.count(files, bytes, performance.now()),
      },
      signal,
    );
    session.onDidStep((report) => void this.#note(session, report));
    return session;
  }

  async #everything(
    session: Session,
    request: CarryRequest,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<CarryReport> {
    progress.step(l10n.t('Bringing the workspace across'));
    const listener = throttled(progress);
    this.#listeners.push(listener);
    try {
      return this.#asCarryReport(session, await session.everything(signal));
    } catch (error) {
      throw explain(error, request.guestFolder);
    } finally {
      this.#listeners = this.#listeners.filter((one) => one !== listener);
      this.#transfer = undefined;
      this.#tellSoon();
    }
  }

  async #note(session: Session, report: StepReport): Promise<void> {
    const since = new Date();
    const found = report.conflicts.map(({ path: at, copy }) => ({
      path: toText(at),
      copy: toText(copy),
      since,
    }));
    try {
      await this.#conflicts.update(found, session.engine.trees);
    } catch (error) {
      this.#options.log.warn(`Sync: the list of conflicts was not written: ${String(error)}`);
    }
    this.#tellSoon();
  }

  async #settle(session: Session): Promise<void> {
    try {
      await session.settle(AbortSignal.timeout(settleMs));
    } catch (error) {
      // The baseline on disk stays the older one, which costs the next carry a comparison and no data.
      this.#options.log.warn(`Sync: the baseline was not written: ${String(error)}`);
    }
  }

  async #lost(attached: Attached, error: unknown): Promise<void> {
    this.#options.log.warn(`Sync: the session ended: ${String(error)}`);
    this.#problem = explain(error, attached.request.guestFolder);
    await this.#end(attached);
  }

  async #end(attached: Attached): Promise<void> {
    if (this.#attached === attached) this.#attached = undefined;
    attached.session.dispose();
    await attached.lock.release();
    this.#tellSoon();
  }

  #needSession(): Session {
    if (this.#attached) return this.#attached.session;
    throw new SwitchyardError({
      code: 'sync.failed',
      what: l10n.t('The sync cannot do that now.'),
      why: l10n.t('The environment is not connected.'),
      next: l10n.t('Open the environment, then try again.'),
      remedies: [{ do: 'retry' }],
    });
  }

  #transferNow(): SyncHealth['transfer'] {
    if (!this.#transfer) return undefined;
    const { done, all, since } = this.#transfer;
    const share = shareOf(done, all);
    const seconds = (performance.now() - since) / 1_000;
    return {
      files: done.files,
      allFiles: all.files,
      bytes: done.bytes,
      allBytes: all.bytes,
      secondsLeft: seconds > 1 && share > 0 ? Math.round((seconds / share) * (1 - share)) : undefined,
    };
  }

  #tellSoon(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      this.#changed.fire(this.health);
    }, tellEveryMs);
  }

  #asCarryReport(session: Session, report: StepReport): CarryReport {
    const { engine } = session;
    const skipped = [...engine.skipped].map(([at, reason]) => ({
      path: toText(at),
      reason: skipReason(reason),
    }));
    for (const at of report.again) {
      skipped.push({ path: toText(at), reason: l10n.t('It kept changing; the next sync takes it.') });
    }
    for (const at of engine.postponed) {
      skipped.push({ path: toText(at), reason: l10n.t('It waits for git or an editor to let go of it.') });
    }
    for (const { paths, of } of engine.guard.held(engine.baseline.entries.size)) {
      const reason = l10n.t('{0} of {1} files would be deleted at once: not done unasked.', paths.size, of);
      for (const at of paths) skipped.push({ path: toText(at), reason });
    }
    for (const side of report.full) {
      const { what, why } = diskFull(side);
      this.#options.log.warn(`Sync: ${what} ${why}`);
    }
    return {
      toGuest: report.changed.guest,
      toHost: report.changed.host,
      conflicts: report.conflicts.map(({ path: at, copy }) => ({ path: toText(at), copy: toText(copy) })),
      heldBack: [...engine.heldBack].map(toText),
      skipped,
    };
  }
}

function heldChange(at: BytePath, trees: Session['engine']['trees']): HeldChange {
  const change = !trees.guest.has(at) ? 'deleted' : trees.host.has(at) ? 'changed' : 'created';
  const guest = trees.guest.get(at);
  return { path: toText(at) + (guest && typeOf(guest) === 'd' ? '/' : ''), change };
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

function shareOf(done: TransferCount, all: TransferCount): number {
  return (done.files + done.bytes / 4096) / Math.max(1, all.files + all.bytes / 4096);
}

function throttled(progress: Progress): (told: { done: TransferCount; all: TransferCount }) => void {
  let last = 0;
  return ({ done, all }) => {
    const now = performance.now();
    if (now - last < tellEveryMs && done.files < all.files) return;
    last = now;
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
    progress.line(
      l10n.t(
        '{0} of {1} files, {2} of {3} MB',
        done.files,
        all.files,
        megabytes(done.bytes),
        megabytes(all.bytes),
      ),
    );
    progress.fraction?.(Math.min(1, shareOf(done, all)));
  };
}
