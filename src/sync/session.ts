import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/event.ts';
import { Timers } from '../base/timers.ts';
import { Turns } from '../base/turns.ts';
import { Agenda, type Due } from './agenda.ts';
import type { Baseline } from './baseline.ts';
import { Engine, type EngineParts } from './engine.ts';
import { Emptied } from './halts.ts';
import type { BytePath } from './path.ts';
import type { Side, SideName, WatchEvents } from './side.ts';
import { Settling } from './settling.ts';
import { add, nothing, type StepReport } from './stepReport.ts';
import { Verifying } from './verifying.ts';

/** A side that can be given up. */
export type OwnedSide = Side & Disposable;

export interface SessionParts extends Omit<EngineParts, 'sides'> {
  readonly sides: { readonly host: OwnedSide; readonly guest: OwnedSide };
}

const scanEveryMs = 5 * 60_000;
const pollEveryMs = 2_000;
const retryMs = { first: 50, last: 5_000 };
/** Of more paths than this nobody cares which are the same. */
const countedExactly = 5_000;
/** How long after a switch everything is looked at, in milliseconds: not while the terminal opens. */
const lookMs = 2_000;
/** How often what changed under way is tried again while somebody waits for it. */
const catchUps = 5;

/**
 * Two sides joined for as long as the connection lives. Takes what the watches tell, brings it across one
 * step at a time, and looks at everything now and then, for events are only hints.
 */
export class Session implements Disposable {
  readonly engine: Engine;
  readonly #parts: SessionParts;
  readonly #changed = new Emitter<void>();
  readonly #stepped = new Emitter<StepReport>();
  readonly #ended = new Emitter<unknown>();
  readonly #aborter = new AbortController();
  readonly #timers = new Timers();
  readonly #turns = new Turns();
  readonly #settling: Settling;
  readonly #verifying = new Verifying(scanEveryMs);
  readonly #agenda = new Agenda();
  readonly #tries = new Map<BytePath, number>();
  #running = false;
  #live = false;
  #paused = false;
  #held = false;
  #emptied: SideName | undefined;
  #polling: Record<SideName, boolean> = { host: false, guest: false };
  #lastScan: Date | undefined;
  #inSyncSince: Date | undefined;
  #full: ReadonlySet<SideName> = new Set();

  /** Something that a person may see changed. */
  readonly onDidChange = this.#changed.event;
  /** Both sides were brought together, as far as it went. */
  readonly onDidStep = this.#stepped.event;
  /** Fires once, with the error that ended it. Not fired by `dispose`. */
  readonly onDidEnd = this.#ended.event;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.engine = new Engine(parts);
    this.#settling = new Settling({
      ...parts,
      timers: this.#timers,
      isHeld: () => this.#held,
      signal: this.#aborter.signal,
    });
  }

  get sides(): SessionParts['sides'] {
    return this.#parts.sides;
  }

  get baseline(): Baseline {
    return this.#parts.baseline;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** True while the guest cannot answer, because its machine is suspended. */
  get isHeld(): boolean {
    return this.#held;
  }

  /** True while something is brought across. */
  get isBusy(): boolean {
    return this.#running;
  }

  /** The side that lost everything, while nobody said whether that is meant. */
  get emptied(): SideName | undefined {
    return this.#emptied;
  }

  get lastScan(): Date | undefined {
    return this.#lastScan;
  }

  get inSyncSince(): Date | undefined {
    return this.#inSyncSince;
  }

  get isPolling(): Readonly<Record<SideName, boolean>> {
    return this.#polling;
  }

  /** Sides whose disk is full. */
  get full(): ReadonlySet<SideName> {
    return this.#full;
  }

  /** Paths known to be on their way or waiting. */
  get pending(): number {
    const waiting = [...this.#agenda.paths(), this.engine.postponed];
    const sum = waiting.reduce((count, paths) => count + paths.size, this.#tries.size);
    // Asked for often: which of very many are the same path is nobody's concern.
    if (sum === 0 || sum > countedExactly) return sum;
    return new Set([...waiting.flatMap((paths) => [...paths]), ...this.#tries.keys()]).size;
  }

  /**
   * Looks at both sides whole and brings them together, in its turn.
   * @param trustsPrints leaves it for later to read again what was written just now
   * @throws Emptied
   */
  async everything(signal: AbortSignal, trustsPrints = false): Promise<StepReport> {
    if (this.#held) throw new Error('The machine is suspended.');
    return this.#turns.take(async () => {
      this.#agenda.clear();
      try {
        const report = await this.engine.everything(signal, trustsPrints);
        this.#lastScan = this.#parts.now();
        this.#tries.clear();
        this.#after(report);
        return report;
      } catch (error) {
        // What was known is no longer; the next look is a whole one.
        this.#agenda.all();
        if (error instanceof Emptied) this.#halt(error);
        throw error;
      }
    });
  }

  /**
   * Brings across what changed before the call, as the watches told it; everything, where they cannot be
   * relied on. What they may have missed is looked for a little later.
   * @throws Emptied
   */
  async catchUp(signal: AbortSignal): Promise<StepReport> {
    this.letGo();
    const { host, guest } = this.#polling;
    if (!this.#live || this.#paused || this.#emptied || host || guest || this.#lastScan === undefined) {
      return this.everything(signal);
    }
    const { sides } = this.#parts;
    await Promise.all([sides.host.heard(signal), sides.guest.heard(signal)]);
    let sum = nothing;
    for (let n = 0; n < catchUps && !this.#agenda.wantsAll; n += 1) {
      // Also where nothing waits: what is under way was taken from there.
      const step = await this.#turns.take(() => this.#some(this.#agenda.take(), signal));
      sum = add(sum, step);
      if (step.again.size === 0) break;
    }
    if (this.#agenda.wantsAll) return add(sum, await this.everything(signal));
    this.#wake();
    this.#timers.later('look', lookMs, () => this.rescan(true));
    return sum;
  }

  /** Runs something that needs the trees to hold still. */
  async exclusively<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#turns.take(() => work(this.#aborter.signal));
  }

  /** Begins to follow both sides by itself. Call `everything` afterwards: the watch tells only what follows. */
  async goLive(signal: AbortSignal): Promise<void> {
    const { host, guest } = this.#parts.sides;
    await Promise.all([
      host.watch(this.#parts.rules, this.#listener('host'), signal),
      guest.watch(this.#parts.rules, this.#listener('guest'), signal),
    ]);
    this.#live = true;
    // A guest that goes away while nothing happens must not be shown as in sync.
    guest.onDidLose?.((error) => this.#failed(error));
    this.#timers.every('scan', scanEveryMs, () => this.rescan());
  }

  /** Makes sure that these are looked at, changed or not. */
  force(paths: Iterable<BytePath>): void {
    this.#agenda.force(paths);
    this.#wake();
  }

  /**
   * Looks at both sides whole when it is its turn.
   * @param trustsPrints as of `everything`; where somebody wants it the other way too, nothing is trusted
   */
  rescan(trustsPrints = false): void {
    this.#agenda.all(trustsPrints);
    this.#wake();
  }

  /** Asks the guest for nothing more, in its turn; what changes meanwhile is remembered. */
  async hold(): Promise<void> {
    this.#held = true;
    await this.#turns.take(() => Promise.resolve());
    this.#changed.fire();
  }

  /** The guest answers again. Whoever lets go says what is to be looked at: all, or what the watches told. */
  letGo(): void {
    this.#held = false;
  }

  pause(): void {
    this.#paused = true;
    this.#changed.fire();
  }

  resume(): void {
    this.#paused = false;
    this.rescan();
    this.#changed.fire();
  }

  /** What is missing on the emptied side comes back, or goes on the other side too. */
  answerEmptied(answer: 'delete' | 'restore'): void {
    if (answer === 'restore')
      for (const path of [...this.baseline.entries.keys()]) this.baseline.delete(path);
    else this.engine.meantEmpty = true;
    this.#emptied = undefined;
    this.rescan();
  }

  /** Makes good for ever what both sides acknowledged. */
  async settle(signal: AbortSignal): Promise<void> {
    await this.#settling.now(signal);
  }

  dispose(): void {
    this.#live = false;
    this.#timers.dispose();
    this.#aborter.abort(new DOMException('The sync ended.', 'AbortError'));
    this.#parts.bulk?.endAhead();
    this.#parts.sides.host.dispose();
    this.#parts.sides.guest.dispose();
    this.#changed.dispose();
    this.#stepped.dispose();
    this.#ended.dispose();
  }

  #listener(side: SideName): WatchEvents {
    return {
      paths: (paths) => {
        this.#agenda.hear(side, paths);
        this.#wake();
      },
      anywhere: () => this.rescan(),
      exhausted: () => {
        this.#polling[side] = true;
        this.#parts.log.warn(`Sync: the ${side} has no watches left and is looked at every few seconds.`);
        this.#timers.every('poll', pollEveryMs, () => this.rescan());
        this.#changed.fire();
      },
    };
  }

  #hasWork(): boolean {
    if (!this.#live || this.#paused || this.#held || this.#emptied) return false;
    return this.#agenda.wantsAll || this.#agenda.size + this.#verifying.size > 0;
  }

  #wake(): void {
    if (this.#running || !this.#hasWork()) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#hasWork()) await this.#once();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#running = false;
    }
    this.#changed.fire();
  }

  async #once(): Promise<void> {
    const { signal } = this.#aborter;
    if (this.#agenda.wantsAll) {
      await this.everything(signal, this.#agenda.trustsPrints);
      return;
    }
    await this.#turns.take(async () => {
      // More came while it waited for its turn.
      if (this.#agenda.wantsAll) return;
      const due = this.#agenda.take();
      if (due.dirty.host.size + due.dirty.guest.size + due.forced.size > 0) await this.#some(due, signal);
      else await this.#verify(signal);
    });
  }

  /** Reads again, while nothing else is to be done, a few of those whose times do not prove their content. */
  async #verify(signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const dirty = { host: new Set<BytePath>(), guest: new Set<BytePath>() };
    await this.#some({ dirty, forced: new Set(this.#verifying.take()) }, signal);
    this.#verifying.pace(performance.now() - began);
  }

  async #some({ dirty, forced }: Due, signal: AbortSignal): Promise<StepReport> {
    try {
      const report = await this.engine.some(dirty, forced, signal);
      for (const path of forced) if (!report.again.has(path)) this.#tries.delete(path);
      this.#after(report);
      return report;
    } catch (error) {
      this.#agenda.all();
      throw error;
    }
  }

  #failed(error: unknown): void {
    if (!this.#live) return;
    if (error instanceof Emptied) {
      this.#halt(error);
      return;
    }
    this.#live = false;
    this.#ended.fire(error);
  }

  #halt(error: Emptied): void {
    this.#emptied = error.side;
    this.#inSyncSince = undefined;
    this.#parts.log.error(`Sync: halted. ${error.message}`);
  }

  #after(report: StepReport): void {
    this.#full = report.full;
    this.baseline.note().catch((error: unknown) => {
      this.#parts.log.warn(`Sync: the newest of the baseline was not noted: ${String(error)}`);
    });
    this.#stepped.fire(report);
    for (const path of report.again) this.#retry(path);
    if (report.full.size > 0) this.#timers.later('full', retryMs.last, () => this.rescan());
    const calm = report.again.size === 0 && !this.#agenda.wantsAll && this.pending === 0;
    this.#inSyncSince = calm ? (this.#inSyncSince ?? this.#parts.now()) : undefined;
    this.#settling.soon();
    if (this.baseline.racy.size > 0 && this.#verifying.size === 0) {
      this.#timers.later('verify', this.#verifying.waitMs, () => {
        this.#verifying.begin(this.baseline.racy);
        this.#wake();
      });
    }
    this.#changed.fire();
  }

  /** Again at once, then ever later: a file that never stops changing must not hold up the others. */
  #retry(path: BytePath): void {
    const tries = this.#tries.get(path) ?? 0;
    this.#tries.set(path, tries + 1);
    if (tries < 2) {
      this.#agenda.force([path]);
      return;
    }
    const wait = Math.min(retryMs.last, retryMs.first * 2 ** Math.min(tries, 10));
    this.#timers.later(`retry ${path}`, wait, () => this.force([path]));
  }
}
