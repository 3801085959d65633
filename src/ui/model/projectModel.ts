import type { Disposable } from '../../base/disposable.ts';
import { DisposableStore } from '../../base/disposable.ts';
import type { SwitchyardError } from '../../base/errors.ts';
import type { GuestKind } from '../../base/kinds.ts';
import { guestKinds } from '../../base/kinds.ts';
import type { Project } from '../../config/project.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { Environment } from '../../environments/environment.ts';
import { Switcher, type ActiveStore } from '../../environments/switcher.ts';
import type { StartHistory } from '../../metrics/startHistory.ts';
import type { Logger } from '../../base/log.ts';

/** One project of this window with everything that belongs to it. */
export class ProjectModel implements Disposable {
  readonly project: Project;
  /** Undefined where the config cannot be read; then `problem` says why. */
  readonly settings: SwitchyardSettings | undefined;
  readonly problem: SwitchyardError | undefined;
  /** How many configs the folder has; with several the person chooses. */
  readonly configCount: number;
  readonly switcher: Switcher;
  readonly history: StartHistory;
  /** In the order in which they are shown. */
  readonly environments: readonly Environment[];
  readonly #disposables = new DisposableStore();

  constructor(parts: {
    project: Project;
    settings: SwitchyardSettings | undefined;
    problem: SwitchyardError | undefined;
    configCount: number;
    environments: ReadonlyMap<GuestKind, Environment>;
    history: StartHistory;
    store: ActiveStore;
    log: Logger;
  }) {
    this.project = parts.project;
    this.settings = parts.settings;
    this.problem = parts.problem;
    this.configCount = parts.configCount;
    this.history = parts.history;
    this.environments = guestKinds.flatMap((kind) => parts.environments.get(kind) ?? []);
    for (const environment of this.environments) this.#disposables.add(environment);
    this.switcher = this.#disposables.add(
      new Switcher({
        environments: parts.environments,
        store: parts.store,
        history: parts.history,
        log: parts.log,
      }),
    );
  }

  environment(kind: GuestKind): Environment {
    return this.switcher.environment(kind);
  }

  dispose(): void {
    this.#disposables.dispose();
  }
}
