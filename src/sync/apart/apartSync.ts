import { fork, type ChildProcess } from 'node:child_process';
import * as path from 'node:path';
import { SwitchyardError } from '../../base/errors.ts';
import { Emitter } from '../../base/event.ts';
import type { Logger } from '../../base/log.ts';
import type { Progress } from '../../base/progress.ts';
import { takeBaseline } from '../baselineCopies.ts';
import type { CarryReport, CarryRequest } from '../carrier.ts';
import { processFile } from '../files.ts';
import type { HaltAnswer, LiveSync, SyncHealth, TwoVersions } from '../liveSync.ts';
import { detached } from '../health.ts';
import { processEnded } from '../reasons.ts';
import { ConnectionLender, type ToSync } from './connectionLender.ts';
import type { SyncCalls, SyncPlace } from './messages.ts';
import { unpackError } from './packedError.ts';
import { Peer } from './peer.ts';

export interface ApartSyncOptions {
  /** Real absolute path of the workspace folder. */
  readonly hostFolder: string;
  /** Absolute path of a folder outside the workspace, for this workspace and environment alone. */
  readonly stateFolder: string;
  /** As of `WorkspaceSyncOptions`; read again for every session. */
  readonly ignore: readonly string[];
  readonly protect: readonly string[];
  readonly log: Logger;
  readonly trashBytes?: number;
  readonly unsavedFiles?: () => Promise<readonly string[]>;
  /** The person's language, where it is not that of the code. */
  readonly sentences?: Readonly<Record<string, string>> | undefined;
  /** On top of this process's own variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How long, in milliseconds, a process with nothing to do is kept, and one that was ended may take. */
const keepMs = 60_000;
const endMs = 3_000;
/**
 * V8's part for young objects, in MiB of each half: by itself it grows to several times that while a large workspace
 * is taken in, and is never given back.
 */
const youngMiB = 8;
/** How much of what it complained of last is kept, in characters. */
const complaintChars = 2_000;

/** A process under way, and what joins us to it. */
interface Running {
  readonly child: ChildProcess;
  readonly sync: ToSync;
  readonly lender: ConnectionLender;
  readonly gone: Promise<never>;
}

type Errand = 'carry' | 'attach' | 'syncNow';

/** A `WorkspaceSync` in a process of its own, which is started when it is needed and ended when it is not. */
export class ApartSync implements LiveSync {
  readonly trashFolder: string;
  readonly #options: ApartSyncOptions;
  readonly #changed = new Emitter<SyncHealth>();
  readonly #progress = new Map<number, Progress>();
  readonly onDidChangeHealth = this.#changed.event;
  #running: Running | undefined;
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
    return this.#running?.child.pid;
  }

  prepare(): void {
    this.#start();
    this.#endWhenIdle();
  }

  carry(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    return this.#errand('carry', request, progress, signal);
  }

  attach(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    return this.#errand('attach', request, progress, signal);
  }

  syncNow(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    return this.#errand('syncNow', request, progress, signal);
  }

  async detach(signal: AbortSignal): Promise<void> {
    if (this.#running) await this.#ask('detach', {}, signal);
  }

  async hold(signal: AbortSignal): Promise<void> {
    if (this.#running) await this.#ask('hold', {}, signal);
  }

  async keepBaseline(folder: string): Promise<boolean> {
    return this.#running ? this.#ask('keepBaseline', { folder }) : false;
  }

  takeBaseline(folder: string | undefined): Promise<void> {
    return takeBaseline(this.#options.stateFolder, folder);
  }

  async flush(signal: AbortSignal): Promise<boolean> {
    return this.#running ? this.#ask('flush', {}, signal) : false;
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
    this.#running?.sync.tell('letGo', {});
  }

  rescan(): void {
    this.#running?.sync.tell('rescan', {});
  }

  pause(): void {
    this.#running?.sync.tell('pause', {});
  }

  resume(): void {
    this.#running?.sync.tell('resume', {});
  }

  answerHalt(answer: HaltAnswer): void {
    this.#running?.sync.tell('answerHalt', { answer });
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

  #start(): Running {
    clearTimeout(this.#ending);
    if (this.#running) return this.#running;
    if (this.#isDisposed) throw new Error('The sync was ended.');
    const { env, hostFolder, stateFolder, trashBytes, sentences } = this.#options;
    const child = fork(processFile(), [], {
      execArgv: [`--max-semi-space-size=${youngMiB}`],
      // The editor's own program is a Node.js when it is told so.
      env: { ...process.env, NODE_OPTIONS: undefined, ELECTRON_RUN_AS_NODE: '1', ...env },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const sync: ToSync = new Peer(child);
    const running: Running = { child, sync, lender: new ConnectionLender(sync), gone: this.#goneOf(child) };
    this.#running = running;
    this.#hear(running);
    sync.listen();
    const place: SyncPlace = { hostFolder, stateFolder, trashBytes, sentences };
    // Whoever asks next hears that it is gone.
    sync.ask('begin', place).catch(() => undefined);
    return running;
  }

  /** Rejects when the process is over. */
  #goneOf(child: ChildProcess): Promise<never> {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-complaintChars)));
    const gone = new Promise<never>((_resolve, reject) => {
      child.once('error', (error) => reject(processEnded(error.message)));
      child.once('exit', (code, signal) => {
        reject(processEnded(`Its process ended (${signal ?? code ?? 'unknown'}). ${said}`.trim()));
      });
    });
    gone.catch((error: unknown) => {
      const running = this.#running;
      // It was ended, and another one may be there already.
      if (running?.child !== child) return;
      this.#running = undefined;
      running.sync.dispose();
      running.lender.dispose();
      const problem = error instanceof SwitchyardError ? error : processEnded(String(error));
      this.#options.log.error(`Sync: ${problem.message} ${problem.detail ?? ''}`);
      this.#isIdle = true;
      const { conflicts } = this.#health;
      this.#tell({ ...detached, conflicts, state: 'failed', problem });
    });
    return gone;
  }

  #hear({ sync }: Running): void {
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
    if (this.#asked > 0 || !this.#isIdle || !this.#running) return;
    this.#ending = setTimeout(() => this.#end(), keepMs).unref();
  }

  /** It ends by itself when it is let go of. */
  #end(): void {
    clearTimeout(this.#ending);
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.lender.dispose();
    running.sync.dispose();
    const { child } = running;
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), endMs).unref();
    child.once('exit', () => clearTimeout(timer));
  }
}
