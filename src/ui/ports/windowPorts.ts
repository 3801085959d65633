import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import type { SwitchyardError } from '../../base/errors.ts';
import { Emitter } from '../../base/event.ts';
import type { Logger } from '../../base/log.ts';
import type { Environment } from '../../environments/environment.ts';
import { EnvironmentPorts, type ForwardedPort } from '../../ports/environmentPorts.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { WindowProjects } from '../model/windowProjects.ts';

/** The forwarded ports of the window's projects, kept as their environments are. */
export class WindowPorts implements Disposable {
  readonly #log: Logger;
  readonly #changed = new Emitter<Environment>();
  /** Fires when the ports of an environment became others. */
  readonly onDidChange = this.#changed.event;
  readonly #heard = new Emitter<{ readonly ports: EnvironmentPorts; readonly port: ForwardedPort }>();
  /** Fires when something began to listen on a port that is forwarded. */
  readonly onDidListen = this.#heard.event;
  readonly #failed = new Emitter<SwitchyardError>();
  readonly onDidFail = this.#failed.event;
  readonly #tracked = new Map<ProjectModel, { ports: readonly EnvironmentPorts[]; end: Disposable }>();
  readonly #listening: Disposable;

  constructor(projects: WindowProjects, log: Logger) {
    this.#log = log;
    this.#listening = projects.onDidChange(() => this.#track(projects.models));
  }

  /** @throws RangeError where the environment is of no project of this window */
  of(environment: Environment): EnvironmentPorts {
    const found = this.find(environment);
    if (!found) throw new RangeError('This environment is of no project of the window.');
    return found;
  }

  find(environment: Environment): EnvironmentPorts | undefined {
    return [...this.#tracked.values()]
      .flatMap(({ ports }) => ports)
      .find((ports) => ports.environment === environment);
  }

  dispose(): void {
    this.#listening.dispose();
    this.#track([]);
    for (const emitter of [this.#changed, this.#heard, this.#failed]) emitter.dispose();
  }

  #track(models: readonly ProjectModel[]): void {
    for (const [model, { end }] of this.#tracked) {
      if (models.includes(model)) continue;
      this.#tracked.delete(model);
      end.dispose();
    }
    for (const model of models) {
      const known = this.#tracked.get(model);
      // Its config may be another one now.
      if (known) for (const ports of known.ports) void ports.reload();
      else this.#tracked.set(model, this.#begin(model));
    }
  }

  #begin(model: ProjectModel): { ports: readonly EnvironmentPorts[]; end: Disposable } {
    const end = new DisposableStore();
    const all = model.environments.map((environment) => {
      const isActive = (): boolean => model.switcher.active === environment.kind;
      // A window that is inside has an extension that forwards what begins to listen there, and says so.
      const leavesFound = model.window.inside === environment.kind;
      const ports = end.add(new EnvironmentPorts(environment, { isActive, leavesFound, log: this.#log }));
      end.add(environment.onDidChangeStatus(() => void ports.update()));
      end.add(ports.onDidChange(() => this.#changed.fire(environment)));
      end.add(ports.onDidListen((port) => this.#heard.fire({ ports, port })));
      end.add(ports.onDidFail((error) => this.#failed.fire(error)));
      void ports.reload();
      return ports;
    });
    // What is left gives up its numbers before what is entered asks for them.
    const hand = async (): Promise<void> => {
      const byActivity = [...all].sort(
        (one, other) =>
          Number(model.switcher.active === one.environment.kind) -
          Number(model.switcher.active === other.environment.kind),
      );
      for (const ports of byActivity) await ports.update();
    };
    end.add(model.switcher.onDidChangeActive(() => void hand()));
    return { ports: all, end };
  }
}
