import { withDeadline } from '../../base/abort.ts';
import { DisposableStore, toDisposable, type Disposable } from '../../base/disposable.ts';
import { Emitter } from '../../base/event.ts';
import type { GuestKind } from '../../base/kinds.ts';
import type { Logger } from '../../base/log.ts';
import type {
  Environment,
  EnvironmentDetails,
  EnvironmentProvider,
  Usage,
} from '../../environments/environment.ts';
import type { StartHow } from '../../metrics/startHistory.ts';
import type { Snapshot } from '../tree/rowText.ts';
import type { ProjectModel } from './projectModel.ts';

/** How often figures are read while somebody looks, in milliseconds. */
const sampleEveryMs = 2_000;
/** Bound on reading one environment's figures, in milliseconds. */
const readTimeoutMs = 10_000;

interface Known {
  usage: Usage | undefined;
  details: EnvironmentDetails | undefined;
  /** The step of this window's operation under way. */
  step: string | undefined;
}

/**
 * Knows the newest state and figures of every environment of the window's projects. State comes from the
 * engines' events; figures are polled, and only while `look`ed at.
 */
export class Monitor implements Disposable {
  readonly #log: Logger;
  readonly #providers: ReadonlyMap<GuestKind, EnvironmentProvider>;
  readonly #known = new Map<Environment, Known>();
  readonly #models = new Map<Environment, ProjectModel>();
  readonly #changed = new Emitter<Environment>();
  /** Fires when anything that a snapshot holds changed. */
  readonly onDidChange = this.#changed.event;
  readonly #end = new AbortController();
  #tracking = new DisposableStore();
  #watching = new DisposableStore();
  #lookers = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(providers: ReadonlyMap<GuestKind, EnvironmentProvider>, log: Logger) {
    this.#providers = providers;
    this.#log = log;
  }

  /** Follows these projects instead of those before, and asks for the state of each environment. */
  track(models: readonly ProjectModel[]): void {
    this.#tracking.dispose();
    this.#tracking = new DisposableStore();
    this.#known.clear();
    this.#models.clear();
    for (const model of models) {
      for (const environment of model.environments) {
        this.#models.set(environment, model);
        this.#known.set(environment, { usage: undefined, details: undefined, step: undefined });
        this.#tracking.add(
          environment.onDidChangeStatus(() => {
            this.#changed.fire(environment);
            void this.#readDetails(environment);
          }),
        );
        if (environment.sync) {
          this.#tracking.add(environment.sync.onDidChangeHealth(() => this.#changed.fire(environment)));
        }
        void this.refresh(environment);
      }
      this.#tracking.add(model.history.onDidChange((kind) => this.#changed.fire(model.environment(kind))));
      this.#tracking.add(
        model.switcher.onDidChangeActive(() => {
          for (const environment of model.environments) this.#changed.fire(environment);
        }),
      );
    }
  }

  /** Asks the engine anew. */
  async refresh(environment: Environment): Promise<void> {
    await environment.refresh(withDeadline(this.#end.signal, readTimeoutMs));
    await this.#readDetails(environment);
  }

  async refreshAll(): Promise<void> {
    await Promise.all([...this.#models.keys()].map((environment) => this.refresh(environment)));
  }

  /** Keeps figures fresh until the returned disposable is disposed. */
  look(): Disposable {
    this.#lookers++;
    if (this.#lookers === 1) {
      for (const provider of this.#providers.values()) this.#watching.add(provider.watch());
      void this.#sampleLoop();
    }
    let over = false;
    return toDisposable(() => {
      if (over) return;
      over = true;
      this.#lookers--;
      if (this.#lookers > 0) return;
      this.#watching.dispose();
      this.#watching = new DisposableStore();
      clearTimeout(this.#timer);
      this.#timer = undefined;
    });
  }

  setStep(environment: Environment, step: string | undefined): void {
    const known = this.#known.get(environment);
    if (!known || known.step === step) return;
    known.step = step;
    this.#changed.fire(environment);
  }

  snapshot(environment: Environment): Snapshot | undefined {
    const known = this.#known.get(environment);
    const model = this.#models.get(environment);
    if (!known || !model) return undefined;
    const { status, kind } = environment;
    const next: StartHow | undefined =
      status.state === 'suspended'
        ? 'resume'
        : status.state === 'stopped'
          ? 'start'
          : status.state === 'absent' && status.snapshot
            ? 'restore'
            : undefined;
    return {
      kind,
      active: model.switcher.active === kind,
      status,
      starts: model.history.summary(kind),
      expectedMs: next && model.history.expectedMs(kind, next),
      // What it used when it was last looked at is no figure of one that does not run.
      usage: status.state === 'running' ? known.usage : undefined,
      details: known.details,
      sync: environment.sync?.health,
      step: known.step,
      now: new Date(),
    };
  }

  dispose(): void {
    this.#end.abort();
    clearTimeout(this.#timer);
    this.#tracking.dispose();
    this.#watching.dispose();
    this.#changed.dispose();
  }

  async #sampleLoop(): Promise<void> {
    await Promise.all([...this.#models.keys()].map((environment) => this.#sample(environment)));
    if (this.#lookers === 0 || this.#end.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#sampleLoop(), sampleEveryMs);
  }

  async #sample(environment: Environment): Promise<void> {
    const known = this.#known.get(environment);
    if (!known) return;
    if (environment.status.state !== 'running') {
      known.usage = undefined;
      return;
    }
    await this.#read(environment, 'figures', async (signal) => {
      known.usage = await environment.usage(signal);
    });
    this.#changed.fire(environment);
  }

  async #readDetails(environment: Environment): Promise<void> {
    const known = this.#known.get(environment);
    if (!known || environment.status.state === 'unavailable') return;
    await this.#read(environment, 'details', async (signal) => {
      known.details = await environment.details(signal);
    });
    this.#changed.fire(environment);
  }

  /** Figures that cannot be read are left out; the log says why. One environment never stops another. */
  async #read(
    environment: Environment,
    what: string,
    read: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    try {
      await read(withDeadline(this.#end.signal, readTimeoutMs));
    } catch (error) {
      if (!this.#end.signal.aborted) {
        this.#log.debug(`The ${environment.kind}'s ${what} could not be read: ${String(error)}`);
      }
    }
  }
}
