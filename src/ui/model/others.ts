import { withDeadline } from '../../base/abort.ts';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { toSwitchyardError, type SwitchyardError } from '../../base/errors.ts';
import { Emitter } from '../../base/event.ts';
import type { GuestKind } from '../../base/kinds.ts';
import type { EnvironmentProvider, OtherEnvironment } from '../../environments/environment.ts';

/** Bound on asking one engine for its list, in milliseconds. */
const listTimeoutMs = 15_000;

interface State {
  readonly list: readonly OtherEnvironment[];
  readonly problem: SwitchyardError | undefined;
}

/** The containers and machines of this computer that belong to no project of the window. */
export class Others implements Disposable {
  readonly #providers: ReadonlyMap<GuestKind, EnvironmentProvider>;
  readonly #states = new Map<GuestKind, State>();
  readonly #running = new Set<GuestKind>();
  readonly #again = new Set<GuestKind>();
  readonly #changed = new Emitter<GuestKind>();
  readonly onDidChange = this.#changed.event;
  readonly #disposables = new DisposableStore();
  readonly #end = new AbortController();

  constructor(providers: ReadonlyMap<GuestKind, EnvironmentProvider>) {
    this.#providers = providers;
    for (const [kind, provider] of providers) {
      this.#disposables.add(provider.onDidChange(() => void this.refresh(kind)));
    }
  }

  list(kind: GuestKind): readonly OtherEnvironment[] {
    return this.state(kind).list;
  }

  state(kind: GuestKind): State {
    return this.#states.get(kind) ?? { list: [], problem: undefined };
  }

  provider(kind: GuestKind): EnvironmentProvider | undefined {
    return this.#providers.get(kind);
  }

  async refreshAll(): Promise<void> {
    await Promise.all([...this.#providers.keys()].map((kind) => this.refresh(kind)));
  }

  /** Asks the engine anew; events that come while it answers lead to one more question, not to many. */
  async refresh(kind: GuestKind): Promise<void> {
    if (this.#running.has(kind)) {
      this.#again.add(kind);
      return;
    }
    this.#running.add(kind);
    try {
      do {
        this.#again.delete(kind);
        const state = await this.#read(kind);
        if (this.#end.signal.aborted) return;
        const before = JSON.stringify(this.#plain(this.#states.get(kind)));
        this.#states.set(kind, state);
        if (before !== JSON.stringify(this.#plain(state))) this.#changed.fire(kind);
      } while (this.#again.has(kind));
    } finally {
      this.#running.delete(kind);
    }
  }

  dispose(): void {
    this.#end.abort();
    this.#disposables.dispose();
    this.#changed.dispose();
  }

  #plain(state: State | undefined): unknown {
    return [
      state?.problem?.message,
      state?.list.map((other) => ({ ...other, capabilities: [...other.capabilities] })),
    ];
  }

  async #read(kind: GuestKind): Promise<State> {
    const provider = this.#providers.get(kind);
    if (!provider) return { list: [], problem: undefined };
    try {
      const list = await provider.listOthers(withDeadline(this.#end.signal, listTimeoutMs));
      return { list, problem: undefined };
    } catch (error) {
      return { list: [], problem: toSwitchyardError(error, `The ${kind} engine cannot be asked.`) };
    }
  }
}
