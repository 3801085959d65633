import * as l10n from '@vscode/l10n';
import * as path from 'node:path';
import { abortable, withDeadline } from '../base/abort.ts';
import { SwitchyardError } from '../base/errors.ts';
import { silentProgress, type Progress } from '../base/progress.ts';
import type { CarryReport, CarryRequest } from './carrier.ts';
import { ConflictBook } from './conflictBook.ts';
import type { StepReport } from './stepReport.ts';
import type { HaltAnswer, LiveSync, SyncHealth, TwoVersions } from './liveSync.ts';
import type { FileLock } from '../base/fileLock.ts';
import { keepBaseline, takeBaseline } from './baselineCopies.ts';
import { HostThread } from './host/hostThread.ts';
import { openSession, type WorkspaceSyncOptions } from './openSession.ts';
import { Answering, askMs, takeTurn, whenFree } from './otherWindow.ts';
import { toText } from './path.ts';
import type { Session } from './session.ts';
import { Telling } from './telling.ts';
import { answerHalt, decideHeldBack, resolveConflict, versions } from './verbs.ts';

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
  readonly #telling: Telling;
  #attached: Attached | undefined;
  /** One that no session took yet. */
  #thread: HostThread | undefined;
  #following: AbortController | undefined;

  constructor(options: WorkspaceSyncOptions) {
    this.#options = options;
    this.trashFolder = path.join(options.stateFolder, 'trash');
    this.#conflicts = new ConflictBook(options.stateFolder);
    this.#telling = new Telling(
      () => ({ session: this.#attached?.session, conflicts: this.#conflicts.all }),
      options.log,
    );
    this.onDidChangeHealth = this.#telling.onDidChange;
  }

  prepare(): void {
    this.#thread ??= new HostThread();
  }

  async carry(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    const { session } = this.#attached ?? {};
    if (session) {
      session.letGo();
      return this.#telling.together(request, session, () => session.everything(signal), progress);
    }
    return this.#telling.opening(request, async () => {
      const lock = await takeTurn(this.#options.stateFolder, this.#options.log, signal);
      if (!lock) return nothingDone;
      try {
        const session = await this.#open(request, signal);
        try {
          return await this.#telling.together(request, session, () => session.everything(signal), progress);
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
      return this.#telling.together(request, session, () => session.catchUp(signal), progress);
    }
    this.#following?.abort();
    if (this.#attached) await this.#end(this.#attached);
    return this.#telling.opening(request, async () => {
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
    const { session } = attached;
    const finish = async (): Promise<void> => {
      if (!session.isPaused && !session.emptied) await session.everything(signal);
      await session.settle(withDeadline(signal, settleMs));
    };
    try {
      // It has to wait for what is under way, which a guest that is gone may hold for long; the end ends that too.
      await abortable(finish(), signal);
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
    await resolveConflict(this.#conflicts, () => this.#needSession(), { at, keep }, signal);
    this.#telling.soon();
  }

  async decideHeldBack(at: string, decision: 'accept' | 'refuse', signal: AbortSignal): Promise<void> {
    await decideHeldBack(this.#needSession(), at, decision, signal);
  }

  async versions(at: string, signal: AbortSignal): Promise<TwoVersions> {
    return versions(this.#needSession(), at, signal);
  }

  answerHalt(answer: HaltAnswer): void {
    const session = this.#attached?.session;
    if (session) answerHalt(session, answer);
  }

  dispose(): void {
    this.#following?.abort();
    this.#thread?.dispose();
    const attached = this.#attached;
    this.#attached = undefined;
    attached?.answering.dispose();
    attached?.session.dispose();
    attached?.lock.releaseNow();
    this.#telling.dispose();
  }

  get health(): SyncHealth {
    return this.#telling.health;
  }

  /** True while nothing goes on, and nothing will by itself. */
  get isIdle(): boolean {
    const follows = this.#following?.signal.aborted === false;
    return !this.#attached && !follows && !this.#telling.isWorking;
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
        this.#telling.together(request, session, () => session.everything(signal), progress);
      const mine = { session, request, lock, answering };
      attached = mine;
      this.#attached = mine;
      session.onDidChange(() => this.#telling.soon());
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
      if (lock)
        await this.#telling.opening(request, () => this.#begin(request, lock, silentProgress, signal));
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
        ...this.#telling.listener,
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
    this.#telling.soon();
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
    this.#telling.lost(attached.request, error);
    await this.#end(attached);
  }

  async #end(attached: Attached): Promise<void> {
    if (this.#attached === attached) this.#attached = undefined;
    attached.answering.dispose();
    attached.session.dispose();
    await attached.lock.release();
    this.#telling.soon();
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
}
