import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/event.ts';
import type { SwitchyardError } from '../base/errors.ts';
import type { EnvironmentKind, GuestKind } from '../base/kinds.ts';
import type { Logger } from '../base/log.ts';
import { silentProgress } from '../base/progress.ts';
import type { StartHistory } from '../metrics/startHistory.ts';
import type { CarryReport } from '../sync/carrier.ts';
import type { Environment, OpenResult, OperationOptions, DestroyWishes } from './environment.ts';

/** Where it is kept which environment of a project is active. */
export interface ActiveStore {
  get(): EnvironmentKind | undefined;
  set(kind: EnvironmentKind): Promise<void>;
}

/** How long the environment left behind may take to stop or suspend, in milliseconds. */
const leaveTimeoutMs = 120_000;

/**
 * One project's points: makes another environment active, and applies the leave policy to the one left.
 * Asks nothing about kinds beyond the host having nothing to open.
 */
export class Switcher implements Disposable {
  readonly environments: ReadonlyMap<GuestKind, Environment>;
  readonly #store: ActiveStore;
  readonly #history: StartHistory;
  readonly #log: Logger;
  readonly #changed = new Emitter<EnvironmentKind>();
  readonly onDidChangeActive = this.#changed.event;
  readonly #carried = new Emitter<{ readonly kind: GuestKind; readonly report: CarryReport }>();
  /** Fires after each time that the workspace was brought across. */
  readonly onDidCarry = this.#carried.event;
  readonly #hookFailed = new Emitter<{ readonly kind: GuestKind; readonly problem: SwitchyardError }>();
  /** Fires when a hook failed that ran on behind an open terminal. */
  readonly onDidFailHook = this.#hookFailed.event;
  readonly #end = new AbortController();
  readonly #leaving = new Set<Promise<void>>();

  constructor(parts: {
    environments: ReadonlyMap<GuestKind, Environment>;
    store: ActiveStore;
    history: StartHistory;
    log: Logger;
  }) {
    this.environments = parts.environments;
    this.#store = parts.store;
    this.#history = parts.history;
    this.#log = parts.log;
  }

  get active(): EnvironmentKind {
    return this.#store.get() ?? 'host';
  }

  get activeEnvironment(): Environment | undefined {
    return this.active === 'host' ? undefined : this.environments.get(this.active);
  }

  environment(kind: GuestKind): Environment {
    const environment = this.environments.get(kind);
    if (!environment) throw new RangeError(`This project has no environment of the kind ${kind}.`);
    return environment;
  }

  /**
   * What a toggle goes to: the other guest, and from the host the guest that the config names first.
   */
  toggleTarget(preferred: EnvironmentKind): GuestKind {
    if (this.active === 'container') return 'vm';
    if (this.active === 'vm') return 'container';
    return preferred === 'vm' ? 'vm' : 'container';
  }

  /**
   * Makes an environment active. What changed in the one that is left comes to the host first, so the
   * next one gets it; the leave policy runs afterwards, in the background.
   * @param leave what is done with the environment that was left, where that cannot be left yet
   * @returns what was opened; undefined for the host
   */
  async switchTo(
    kind: EnvironmentKind,
    options: OperationOptions,
    leave: (left: GuestKind) => void = (left) => this.leave(left),
  ): Promise<OpenResult | undefined> {
    const left = this.activeEnvironment;
    if (left && left.kind !== kind) await this.#bringBack(left, options);
    const opened = kind === 'host' ? undefined : await this.open(kind, options);
    await this.setActive(kind);
    if (left && left.kind !== kind) leave(left.kind);
    return opened;
  }

  /** Opens an environment without making it active, and keeps the time of its start. */
  async open(kind: GuestKind, options: OperationOptions): Promise<OpenResult> {
    return this.#timed(kind, (environment) => environment.open(options));
  }

  /** Makes it anew from the config as it is now. What changed inside comes to the host first. */
  async rebuild(kind: GuestKind, options: OperationOptions): Promise<OpenResult> {
    await this.#bringBack(this.environment(kind), options);
    return this.#timed(kind, (environment) => environment.rebuild(options));
  }

  async stop(kind: GuestKind, options: OperationOptions): Promise<void> {
    await this.#bringBack(this.environment(kind), options);
    await this.environment(kind).stop(options);
  }

  async suspend(kind: GuestKind, options: OperationOptions): Promise<void> {
    await this.#bringBack(this.environment(kind), options);
    await this.environment(kind).suspend(options);
  }

  async restart(kind: GuestKind, options: OperationOptions): Promise<OpenResult> {
    await this.stop(kind, options);
    return this.open(kind, options);
  }

  /**
   * Removes it; the host becomes active where it was the active one.
   * @param how `abandon` leaves behind what changed inside since the last sync, instead of bringing it back first
   */
  async destroy(
    kind: GuestKind,
    options: OperationOptions,
    how: DestroyWishes & { readonly abandon?: boolean } = {},
  ): Promise<void> {
    const environment = this.environment(kind);
    if (!how.abandon) await this.#bringBack(environment, options);
    await environment.destroy(options, how);
    if (this.active === kind) await this.setActive('host');
  }

  async setActive(kind: EnvironmentKind): Promise<void> {
    if (kind === this.active) return;
    await this.#store.set(kind);
    this.#changed.fire(kind);
  }

  /** Does with an environment what its leave policy says, in the background; what fails is only logged. */
  leave(kind: GuestKind): void {
    const left = this.environment(kind);
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(leaveTimeoutMs)]);
    const leaving = left
      .leave({ progress: silentProgress, signal })
      .catch((error: unknown) => {
        this.#log.warn(`The ${left.kind} could not be left as configured: ${String(error)}`);
      })
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Resolves when no leave policy is being applied any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  dispose(): void {
    this.#end.abort();
    this.#changed.dispose();
    this.#carried.dispose();
    this.#hookFailed.dispose();
  }

  async #timed(
    kind: GuestKind,
    work: (environment: Environment) => Promise<OpenResult>,
  ): Promise<OpenResult> {
    const at = new Date();
    const began = performance.now();
    const opened = await work(this.environment(kind));
    if (opened.carried) this.#carried.fire({ kind, report: opened.carried });
    void opened.hooks?.then((problem) => problem && this.#hookFailed.fire({ kind, problem }));
    if (opened.start) {
      await this.#history.add(kind, {
        how: opened.start.how,
        warmCache: opened.start.warmCache,
        durationMs: performance.now() - began,
        at: at.toISOString(),
      });
    }
    return opened;
  }

  /** Brings the workspace of both sides together; undefined where it is mounted. */
  async syncNow(kind: GuestKind, options: OperationOptions): Promise<CarryReport | undefined> {
    const report = await this.environment(kind).syncNow(options);
    if (report) this.#carried.fire({ kind, report });
    return report;
  }

  async #bringBack(left: Environment, options: OperationOptions): Promise<void> {
    const { state } = await left.refresh(options.signal);
    // What is not running has nothing that its last sync did not bring; what is gone has nothing at all.
    if (state !== 'running') return;
    const report = await left.syncNow(options);
    if (report) this.#carried.fire({ kind: left.kind, report });
  }
}
