import * as path from 'node:path';
import { SwitchyardError } from '../../base/errors.ts';
import { Emitter } from '../../base/event.ts';
import { silentProgress, type Progress } from '../../base/progress.ts';
import { takeBaseline } from '../baselineCopies.ts';
import type { CarryReport, CarryRequest } from '../carrier.ts';
import type { HaltAnswer, LiveSync, SyncHealth, TwoVersions } from '../liveSync.ts';
import { detached } from '../health.ts';
import type { WorkspaceSyncOptions } from '../openSession.ts';
import type { SyncCalls, SyncPlace } from './messages.ts';
import { unpackError } from './packedError.ts';
import { SyncChild } from './syncChild.ts';

export interface ApartSyncOptions extends WorkspaceSyncOptions {
  /** The person's language, where it is not that of the code. */
  readonly sentences?: Readonly<Record<string, string>> | undefined;
  /** On top of this process's own variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How long, in milliseconds, a process with nothing to do is kept. */
const keepMs = 60_000;
/** One that is gone is replaced unasked, unless the one before it was so less than this ago, in milliseconds. */
const againMs = 60_000;
/** How long it may then take to bring everything together, in milliseconds. */
const attachMs = 10 * 60_000;

type Errand = 'carry' | 'attach' | 'syncNow';

/** A `WorkspaceSync` in a process of its own, which is started when it is needed and ended when it is not. */
export class ApartSync implements LiveSync {
  readonly trashFolder: string;
  readonly #options: ApartSyncOptions;
  readonly #changed = new Emitter<SyncHealth>();
  readonly #progress = new Map<number, Progress>();
  readonly onDidChangeHealth = this.#changed.event;
  #child: SyncChild | undefined;
  /** What is kept in sync, as far as anybody wants it so. */
  #attachedTo: CarryRequest | undefined;
  #lastGone = -Infinity;
  #health: SyncHealth = detached;
  #asked = 0;
  #nextProgress = 1;
  #isIdle = true;
  #ending: NodeJS.Timeout | undefined;
  #isDisposed = false;

  constructor(options: ApartSyncOptions) {
    this.#options = options;
    this.trashFolder = path.join(options.stateFolder, 'trash');
  }

  get health(): SyncHealth {
    return this.#health;
  }

  /** The number of its process, where there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  prepare(): void {
    this.#start();
    this.#endWhenIdle();
  }

  carry(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    return this.#errand('carry', request, progress, signal);
  }

  async attach(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    const report = await this.#errand('attach', request, progress, signal);
    this.#attachedTo = request;
    return report;
  }

  async syncNow(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    const report = await this.#errand('syncNow', request, progress, signal);
    this.#attachedTo = request;
    return report;
  }

  async detach(signal: AbortSignal): Promise<void> {
    this.#attachedTo = undefined;
    if (this.#child) await this.#ask('detach', {}, signal);
  }

  async hold(signal: AbortSignal): Promise<void> {
    this.#attachedTo = undefined;
    if (this.#child) await this.#ask('hold', {}, signal);
  }

  async keepBaseline(folder: string): Promise<boolean> {
    return this.#child ? this.#ask('keepBaseline', { folder }) : false;
  }

  takeBaseline(folder: string | undefined): Promise<void> {
    return takeBaseline(this.#options.stateFolder, folder);
  }

  async flush(signal: AbortSignal): Promise<boolean> {
    return this.#child ? this.#ask('flush', {}, signal) : false;
  }

  async resolveConflict(at: string, keep: 'host' | 'guest' | 'both', signal: AbortSignal): Promise<void> {
    await this.#ask('resolveConflict', { path: at, keep }, signal);
  }

  async decideHeldBack(at: string, decision: 'accept' | 'refuse', signal: AbortSignal): Promise<void> {
    await this.#ask('decideHeldBack', { path: at, decision }, signal);
  }

  versions(at: string, signal: AbortSignal): Promise<TwoVersions> {
    return this.#ask('versions', { path: at }, signal);
  }

  letGo(): void {
    this.#child?.sync.tell('letGo', {});
  }

  rescan(): void {
    this.#child?.sync.tell('rescan', {});
  }

  pause(): void {
    this.#child?.sync.tell('pause', {});
  }

  resume(): void {
    this.#child?.sync.tell('resume', {});
  }

  answerHalt(answer: HaltAnswer): void {
    this.#child?.sync.tell('answerHalt', { answer });
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#end();
    this.#changed.dispose();
  }

  async #errand(
    what: Errand,
    { connection, ...request }: CarryRequest,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<CarryReport> {
    const { lender } = this.#start();
    const { ignore, protect } = this.#options;
    const id = this.#nextProgress++;
    this.#progress.set(id, progress);
    try {
      const given = { ...request, ignore, protect, progress: id, connection: lender.lend(connection) };
      return await this.#ask(what, given, signal);
    } finally {
      this.#progress.delete(id);
    }
  }

  async #ask<K extends keyof SyncCalls>(
    name: K,
    given: SyncCalls[K]['with'],
    signal?: AbortSignal,
  ): Promise<SyncCalls[K]['answer']> {
    const { sync, gone } = this.#start();
    this.#asked += 1;
    try {
      return await Promise.race([sync.ask(name, given, signal), gone]);
    } finally {
      this.#asked -= 1;
      this.#endWhenIdle();
    }
  }

  #start(): SyncChild {
    clearTimeout(this.#ending);
    if (this.#child) return this.#child;
    if (this.#isDisposed) throw new Error('The sync was ended.');
    const { env = {}, hostFolder, stateFolder, trashBytes, sentences } = this.#options;
    const child = new SyncChild(env);
    this.#child = child;
    this.#hear(child);
    child.gone.catch((error: unknown) => this.#onGone(child, error as SwitchyardError));
    child.sync.listen();
    const place: SyncPlace = { hostFolder, stateFolder, trashBytes, sentences };
    // Whoever asks next hears that it is gone.
    child.sync.ask('begin', place).catch(() => undefined);
    return child;
  }

  #onGone(child: SyncChild, problem: SwitchyardError): void {
    // It was ended, and another one may be there already.
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#isIdle = true;
    this.#options.log.error(`Sync: ${problem.message} ${problem.detail ?? ''}`);
    this.#tell({ ...detached, conflicts: this.#health.conflicts, state: 'failed', problem });
    const request = this.#attachedTo;
    const now = performance.now();
    if (!request || request.connection.isClosed || now - this.#lastGone < againMs) return;
    this.#lastGone = now;
    this.#options.log.info('Sync: another process takes over.');
    this.attach(request, silentProgress, AbortSignal.timeout(attachMs)).catch((error: unknown) => {
      this.#options.log.warn(`Sync: the other process did not take over: ${String(error)}`);
    });
  }

  #hear({ sync }: SyncChild): void {
    const { log, unsavedFiles } = this.#options;
    sync.answer('unsavedFiles', async () => (await unsavedFiles?.()) ?? []);
    sync.hear('log', ({ level, message }) => log[level](message));
    sync.hear('health', ({ health, isIdle }) => {
      this.#isIdle = isIdle;
      const problem = health.problem && unpackError(health.problem);
      this.#tell({ ...health, problem: problem instanceof SwitchyardError ? problem : undefined });
      this.#endWhenIdle();
    });
    sync.hear('progress', ({ progress, step, line, fraction }) => {
      const to = this.#progress.get(progress);
      if (step !== undefined) to?.step(step);
      if (line !== undefined) to?.line(line);
      if (fraction !== undefined) to?.fraction?.(fraction);
    });
  }

  #tell(health: SyncHealth): void {
    this.#health = health;
    this.#changed.fire(health);
  }

  #endWhenIdle(): void {
    clearTimeout(this.#ending);
    if (this.#asked > 0 || !this.#isIdle || !this.#child) return;
    this.#ending = setTimeout(() => this.#end(), keepMs).unref();
  }

  #end(): void {
    clearTimeout(this.#ending);
    this.#child?.dispose();
    this.#child = undefined;
  }
}
