import * as l10n from '@vscode/l10n';
import * as path from 'node:path';
import { withDeadline } from '../base/abort.ts';
import { Emitter } from '../base/event.ts';
import { isCancellation, SwitchyardError } from '../base/errors.ts';
import { silentProgress, type Progress } from '../base/progress.ts';
import type { CarryReport, CarryRequest } from './carrier.ts';
import { ConflictBook } from './conflictBook.ts';
import type { StepReport } from './engine.ts';
import { carryReport, healthOf, tellEveryMs, throttled, type UnderWay } from './health.ts';
import type { HaltAnswer, LiveSync, SyncHealth, TwoVersions } from './liveSync.ts';
import type { FileLock } from '../base/fileLock.ts';
import { keepBaseline, takeBaseline } from './baselineCopies.ts';
import { HostThread } from './host/hostThread.ts';
import { openSession, type WorkspaceSyncOptions } from './openSession.ts';
import { Answering, askMs, takeTurn, whenFree } from './otherWindow.ts';
import { fromText, toText } from './path.ts';
import { Rate } from './rate.ts';
import { diskFull, explain } from './reasons.ts';
import type { Session } from './session.ts';
import type { TransferCount } from './transfer.ts';
import { heldBackActions, removal, takeCopy } from './verbs.ts';

export type { WorkspaceSyncOptions } from './openSession.ts';

const settleMs = 60_000;

interface Attached {
  readonly session: Session;
  readonly request: CarryRequest;
  readonly lock: FileLock;
  readonly answering: Answering;
}

const nothingDone: CarryReport = { toGuest: 0, toHost: 0, conflicts: [], heldBack: [], skipped: [] };

/** Keeps the workspace of one project the same on the host and in one environment. */
export class WorkspaceSync implements LiveSync {
  readonly trashFolder: string;
  readonly onDidChangeHealth;
  readonly #options: WorkspaceSyncOptions;
  readonly #conflicts: ConflictBook;
  readonly #changed = new Emitter<SyncHealth>();
  readonly #rate = new Rate();
  #attached: Attached | undefined;
  /** One that no session took yet. */
  #thread: HostThread | undefined;
  #following: AbortController | undefined;
  #problem: SwitchyardError | undefined;
  #working = 0;
  #transfer: UnderWay | undefined;
  #telling: NodeJS.Timeout | undefined;
  #listeners: ((progress: { done: TransferCount; all: TransferCount }) => void)[] = [];

  constructor(options: WorkspaceSyncOptions) {
    this.#options = options;
    this.trashFolder = path.join(options.stateFolder, 'trash');
    this.#conflicts = new ConflictBook(options.stateFolder);
    this.onDidChangeHealth = this.#changed.event;
  }

  prepare(): void {
    this.#thread ??= new HostThread();
  }

  async carry(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    const { session } = this.#attached ?? {};
    if (session) {
      session.letGo();
      return this.#together(request, session, (inner) => session.everything(inner), progress, signal);
    }
    return this.#guarded(request, async () => {
      const lock = await takeTurn(this.#options.stateFolder, this.#options.log, signal);
      if (!lock) return nothingDone;
      try {
        const session = await this.#open(request, signal);
        try {
          return await this.#together(
            request,
            session,
            (inner) => session.everything(inner),
            progress,
            signal,
          );
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
      const { session } = this.#attached;
      return this.#together(request, session, (inner) => session.catchUp(inner), progress, signal);
    }
    this.#following?.abort();
    if (this.#attached) await this.#end(this.#attached);
    return this.#guarded(request, async () => {
      const lock = await takeTurn(this.#options.stateFolder, this.#options.log, signal);
      if (lock) return this.#begin(request, lock, progress, signal);
      this.#follow(request);
      return nothingDone;
    });
  }

  async syncNow(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    const isAttached = this.#attached?.request.connection === request.connection;
    return isAttached ? this.carry(request, progress, signal) : this.attach(request, progress, signal);
  }

  async detach(signal: AbortSignal): Promise<void> {
    this.#following?.abort();
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

  async hold(signal: AbortSignal): Promise<void> {
    const session = this.#attached?.session;
    if (!session || session.isHeld) return;
    try {
      if (!session.isPaused && !session.emptied) await session.everything(signal);
      await session.settle(withDeadline(signal, settleMs));
    } catch (error) {
      this.#options.log.info(`Sync: not everything went across before the machine sleeps: ${String(error)}`);
    }
    await session.hold();
  }

  letGo(): void {
    const session = this.#attached?.session;
    if (!session?.isHeld) return;
    session.letGo();
    session.rescan();
  }

  async keepBaseline(folder: string): Promise<boolean> {
    const session = this.#attached?.session;
    if (!session?.isHeld) return false;
    await keepBaseline(this.#options.stateFolder, folder);
    return session.isHeld;
  }

  takeBaseline(folder: string | undefined): Promise<void> {
    return takeBaseline(this.#options.stateFolder, folder);
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
    // Of an earlier session there may be some before there is one now.
    if (!this.#attached) await this.#conflicts.load();
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
    this.#following?.abort();
    clearTimeout(this.#telling);
    this.#thread?.dispose();
    const attached = this.#attached;
    this.#attached = undefined;
    attached?.answering.dispose();
    attached?.session.dispose();
    attached?.lock.releaseNow();
    this.#changed.dispose();
  }

  get health(): SyncHealth {
    return healthOf({
      session: this.#attached?.session,
      isWorking: this.#working > 0,
      problem: this.#problem,
      conflicts: this.#conflicts.all,
      rate: this.#rate.last,
      transfer: this.#transfer,
    });
  }

  /** True while nothing goes on, and nothing will by itself. */
  get isIdle(): boolean {
    const follows = this.#following?.signal.aborted === false;
    return !this.#attached && !follows && this.#working === 0;
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

  async #begin(
    request: CarryRequest,
    lock: FileLock,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<CarryReport> {
    let attached: Attached | undefined;
    try {
      const session = await this.#open(request, signal);
      const asked = (): Promise<unknown> => session.everything(AbortSignal.timeout(askMs));
      const answering = new Answering(this.#options.stateFolder, asked, this.#options.log);
      const together = (): Promise<CarryReport> =>
        this.#together(request, session, (inner) => session.everything(inner), progress, signal);
      const mine = { session, request, lock, answering };
      attached = mine;
      this.#attached = mine;
      session.onDidChange(() => this.#tellSoon());
      session.onDidEnd((error) => void this.#lost(mine, error));
      if (session.baseline.entries.size > 0) {
        await session.goLive(signal);
        return await together();
      }
      // Nothing to watch before the guest is filled: it would tell of each file that comes.
      const report = await together();
      await session.goLive(signal);
      // What changed before the watches stood is found while the person works already; what was sent just
      // now is read again later still.
      session.rescan(true);
      return report;
    } catch (error) {
      // A halt is for the person to answer, in this very session.
      if (error instanceof SwitchyardError && error.code === 'sync.halted') throw error;
      if (attached) await this.#end(attached);
      else await lock.release();
      throw error;
    }
  }

  /** Takes over when the window that has the session lets go of it. */
  #follow(request: CarryRequest): void {
    const following = new AbortController();
    this.#following = following;
    const { signal } = following;
    request.connection.onDidClose(() => following.abort());
    const takeOver = async (): Promise<void> => {
      const lock = await whenFree(this.#options.stateFolder, signal);
      if (lock) await this.#guarded(request, () => this.#begin(request, lock, silentProgress, signal));
    };
    takeOver().catch((error: unknown) => {
      if (!signal.aborted) this.#options.log.warn(`Sync: not taken over: ${String(error)}`);
    });
  }

  async #open(request: CarryRequest, signal: AbortSignal): Promise<Session> {
    await this.#conflicts.load();
    const session = await openSession(
      this.#options,
      request,
      {
        onProgress: (progress) => {
          const isOver = progress.done.files >= progress.all.files;
          const since = this.#transfer?.since ?? performance.now();
          this.#transfer = isOver ? undefined : { ...progress, since };
          for (const listener of this.#listeners) listener(progress);
          this.#tellSoon();
        },
        onSent: ({ files, bytes }) => this.#rate.count(files, bytes, performance.now()),
        takeThread: () => {
          const thread = this.#thread;
          this.#thread = undefined;
          return thread;
        },
      },
      signal,
    );
    session.onDidStep((report) => void this.#note(session, report));
    return session;
  }

  /** Tells a person of what `work` does. */
  async #together(
    request: CarryRequest,
    session: Session,
    work: (signal: AbortSignal) => Promise<StepReport>,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<CarryReport> {
    progress.step(l10n.t('Bringing the workspace across'));
    const listener = throttled(progress);
    this.#listeners.push(listener);
    try {
      const report = await work(signal);
      for (const side of report.full) this.#options.log.warn(`Sync: ${diskFull(side).why}`);
      return carryReport(session, report);
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
    attached.answering.dispose();
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

  #tellSoon(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      this.#changed.fire(this.health);
    }, tellEveryMs);
  }
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
