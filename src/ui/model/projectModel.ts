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

/** What a folder's config says; read anew whenever the config changes. */
export interface ProjectConfigState {
  /** Undefined where the config cannot be read; then `problem` says why. */
  readonly settings: SwitchyardSettings | undefined;
  readonly problem: SwitchyardError | undefined;
  /** How many configs the folder has; with several the person chooses. */
  readonly configCount: number;
  /** False where there are several and the person has not chosen yet. */
  readonly isConfigChosen: boolean;
}

/** How this window shows the project's folder. */
export interface ProjectWindow {
  /** The folder's address, as VS Code writes it. */
  readonly address: string;
  /** The folder's absolute path in that address: what files and tasks of this window begin with. */
  readonly path: string;
  /** The environment that the window itself is inside of; undefined where its folder is this computer's own. */
  readonly inside: GuestKind | undefined;
}

/**
 * One project of this window with everything that belongs to it. It outlives changes of its config:
 * terminals and connections of its environments stay open while the person edits.
 */
export class ProjectModel implements Disposable {
  readonly project: Project;
  readonly window: ProjectWindow;
  readonly switcher: Switcher;
  readonly history: StartHistory;
  /** In the order in which they are shown. */
  readonly environments: readonly Environment[];
  readonly #disposables = new DisposableStore();
  #config: ProjectConfigState;

  constructor(parts: {
    project: Project;
    window: ProjectWindow;
    config: ProjectConfigState;
    environments: ReadonlyMap<GuestKind, Environment>;
    history: StartHistory;
    store: ActiveStore;
    log: Logger;
  }) {
    this.project = parts.project;
    this.window = parts.window;
    this.#config = parts.config;
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

  get config(): ProjectConfigState {
    return this.#config;
  }

  updateConfig(config: ProjectConfigState): void {
    this.#config = config;
  }

  environment(kind: GuestKind): Environment {
    return this.switcher.environment(kind);
  }

  dispose(): void {
    this.#disposables.dispose();
  }
}
