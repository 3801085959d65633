import * as l10n from '@vscode/l10n';
import type { Disposable } from '../base/disposable.ts';
import { isCancellation, type SwitchyardError } from '../base/errors.ts';
import { Emitter } from '../base/event.ts';
import type { Logger } from '../base/log.ts';
import type { Progress } from '../base/progress.ts';
import type { CarryReport, CarryRequest } from './carrier.ts';
import type { EngineParts } from './engine.ts';
import type { StepReport } from './stepReport.ts';
import { carryReport, healthOf, tellEveryMs, throttled, type UnderWay } from './health.ts';
import type { SyncConflict, SyncHealth } from './liveSync.ts';
import { Rate } from './rate.ts';
import { diskFull, explain } from './reasons.ts';
import type { Session } from './session.ts';
import type { TransferCount } from './transferBook.ts';

/** What a person is told of a sync: its health, how far work is that somebody waits for, and how that ended. */
export class Telling implements Disposable {
  readonly onDidChange;
  readonly #now: () => { session: Session | undefined; conflicts: readonly SyncConflict[] };
  readonly #log: Logger;
  readonly #changed = new Emitter<SyncHealth>();
  readonly #rate = new Rate();
  #problem: SwitchyardError | undefined;
  #working = 0;
  #transfer: UnderWay | undefined;
  #timer: NodeJS.Timeout | undefined;
  #listeners: ((progress: { done: TransferCount; all: TransferCount }) => void)[] = [];

  /** @param now what there is to tell of */
  constructor(now: () => { session: Session | undefined; conflicts: readonly SyncConflict[] }, log: Logger) {
    this.#now = now;
    this.#log = log;
    this.onDidChange = this.#changed.event;
  }

  get health(): SyncHealth {
    return healthOf({
      ...this.#now(),
      isWorking: this.isWorking,
      problem: this.#problem,
      rate: this.#rate.last,
      transfer: this.#transfer,
    });
  }

  get isWorking(): boolean {
    return this.#working > 0;
  }

  /** What a session's engine is to call. */
  get listener(): Pick<EngineParts, 'onProgress' | 'onSent'> {
    return {
      onProgress: (progress) => {
        const isOver = progress.done.files >= progress.all.files;
        const since = this.#transfer?.since ?? performance.now();
        this.#transfer = isOver ? undefined : { ...progress, since };
        for (const listener of this.#listeners) listener(progress);
        this.soon();
      },
      onSent: ({ files, bytes }) => this.#rate.count(files, bytes, performance.now()),
    };
  }

  /** Tells the health a little later, once for all that changes until then. */
  soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#changed.fire(this.health);
    }, tellEveryMs);
  }

  /** Work that opens a session. @throws SwitchyardError, which the health then has too */
  async opening<T>(request: CarryRequest, work: () => Promise<T>): Promise<T> {
    this.#problem = undefined;
    this.#working += 1;
    this.soon();
    try {
      return await work();
    } catch (error) {
      const explained = explain(error, request.guestFolder);
      if (!isCancellation(error)) this.#problem = explained.code === 'sync.halted' ? undefined : explained;
      throw explained;
    } finally {
      this.#working -= 1;
      this.soon();
    }
  }

  /** Work of a session for which somebody waits. @throws SwitchyardError */
  async together(
    request: CarryRequest,
    session: Session,
    work: () => Promise<StepReport>,
    progress: Progress,
  ): Promise<CarryReport> {
    progress.step(l10n.t('Bringing the workspace across'));
    const listener = throttled(progress);
    this.#listeners.push(listener);
    try {
      const report = await work();
      for (const side of report.full) this.#log.warn(`Sync: ${diskFull(side).why}`);
      return carryReport(session, report);
    } catch (error) {
      throw explain(error, request.guestFolder);
    } finally {
      this.#listeners = this.#listeners.filter((one) => one !== listener);
      this.#transfer = undefined;
      this.soon();
    }
  }

  /** A session ended by itself. */
  lost(request: CarryRequest, error: unknown): void {
    this.#log.warn(`Sync: the session ended: ${String(error)}`);
    this.#problem = explain(error, request.guestFolder);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#changed.dispose();
  }
}
