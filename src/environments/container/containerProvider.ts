import * as l10n from '@vscode/l10n';
import type { ContainerInfo } from 'dockerode';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { SwitchyardError, toSwitchyardError } from '../../base/errors.ts';
import { Emitter } from '../../base/event.ts';
import type { Project } from '../../config/project.ts';
import type { DevcontainerCli } from '../../engines/devcontainerCli.ts';
import { capabilitiesOf } from '../capabilities.ts';
import type {
  Capability,
  Environment,
  EnvironmentProvider,
  OperationOptions,
  OtherEnvironment,
  Requirement,
} from '../environment.ts';
import { buildLabel } from '../buildLabel.ts';
import { SharedWatch } from '../sharedWatch.ts';
import { ContainerEnvironment } from './containerEnvironment.ts';
import { ContainerControl } from './control.ts';
import { ContainerCreator } from './creation.ts';
import { EngineEvents } from './engineEvents.ts';
import { configLabel, folderLabel, stateOf } from './lookup.ts';
import type { SessionParts } from './session.ts';

export interface ContainerProviderParts extends SessionParts {
  readonly devcontainer: DevcontainerCli;
  /** The docker command line: a name on the PATH, or a path. */
  readonly dockerProgram: string;
}

/** What of a foreign container's actions the tree offers: nothing that needs its config. */
const otherCapabilities: readonly Capability[] = ['canOpen', 'canStop', 'canSuspend', 'canDestroy'];

/** Containers of one Docker engine. */
export class ContainerProvider implements EnvironmentProvider {
  readonly kind = 'container';
  readonly #parts: ContainerProviderParts;
  readonly #control: ContainerControl;
  readonly #creator: ContainerCreator;
  readonly #events: EngineEvents;
  readonly #changed = new Emitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #store = new DisposableStore();
  readonly #projects = new Map<Environment, Project>();
  readonly #watch = new SharedWatch((signal) => this.#events.listen(signal));

  constructor(parts: ContainerProviderParts) {
    const { engine, log, devcontainer } = parts;
    this.#parts = parts;
    this.#control = new ContainerControl(engine);
    this.#creator = new ContainerCreator({ engine, cli: devcontainer, control: this.#control, log });
    this.#events = new EngineEvents(engine, log);
    this.#store.add(this.#changed);
    this.#store.add(this.#events);
    this.#store.add(
      this.#events.onEvent((event) => {
        for (const [environment, project] of this.#projects) {
          if (event && !isOf(project, event.labels)) continue;
          void environment.refresh(this.#watch.signal);
        }
        this.#changed.fire();
      }),
    );
  }

  forProject(project: Project): Environment {
    const environment: Environment = new ContainerEnvironment(project, {
      ...this.#parts,
      control: this.#control,
      creator: this.#creator,
      onDispose: () => this.#projects.delete(environment),
    });
    this.#projects.set(environment, project);
    return environment;
  }

  async listOthers(signal: AbortSignal): Promise<readonly OtherEnvironment[]> {
    const listed = await this.#parts.engine.ask(
      l10n.t('The containers of this computer could not be listed.'),
      (docker, bound) => docker.listContainers({ all: true, abortSignal: bound }),
      { signal },
    );
    const projects = [...this.#projects.values()];
    return listed
      .filter(({ Labels }) => !(buildLabel in Labels) && !projects.some((project) => isOf(project, Labels)))
      .map(otherOf)
      .sort((one, other) => one.name.localeCompare(other.name));
  }

  async actOnOther(
    id: string,
    action: 'start' | 'stop' | 'suspend' | 'destroy',
    { progress, signal }: OperationOptions,
  ): Promise<void> {
    const steps = {
      start: l10n.t('Starting the container'),
      stop: l10n.t('Stopping the container'),
      suspend: l10n.t('Pausing the container'),
      destroy: l10n.t('Removing the container'),
    };
    progress.step(steps[action]);
    try {
      switch (action) {
        case 'start':
          // One that is paused is woken by this, and one that is stopped is not paused.
          await this.#control.unpause(id, signal);
          await this.#control.start(id, signal);
          return;
        case 'stop':
          await this.#control.stop(id, signal);
          return;
        case 'suspend':
          await this.#control.pause(id, signal);
          return;
        case 'destroy':
          await this.#control.remove(id, signal);
          return;
      }
    } catch (error) {
      throw toSwitchyardError(error, l10n.t('{0} failed.', steps[action]));
    }
  }

  watch(): Disposable {
    return this.#watch.begin();
  }

  async requirements(signal: AbortSignal): Promise<readonly Requirement[]> {
    const { engine, runner, dockerProgram } = this.#parts;
    const check = async (name: string, ask: () => Promise<string>): Promise<Requirement> => {
      try {
        return { name, ok: true, detail: await ask() };
      } catch (error) {
        if (signal.aborted) throw error;
        const { why, next } = toSwitchyardError(error, name);
        return { name, ok: false, detail: [why, next].filter(Boolean).join(' ') };
      }
    };
    return Promise.all([
      check(l10n.t('Docker engine'), async () => {
        const { ServerVersion } = await engine.ask(
          l10n.t('Docker could not be asked about itself.'),
          (docker) => docker.info() as Promise<{ ServerVersion: string }>,
          { signal, timeoutMs: 10_000 },
        );
        return l10n.t('{0} at {1}', ServerVersion, (await engine.endpoint()).host);
      }),
      check(l10n.t('Docker command line'), async () => {
        try {
          return await runner.run(
            {
              program: dockerProgram,
              args: ['--version'],
              timeoutMs: 10_000,
              parse: (stdout) => /\d+(\.\d+)+/.exec(stdout)?.[0] ?? stdout.trim(),
            },
            { signal },
          );
        } catch (error) {
          signal.throwIfAborted();
          throw new SwitchyardError({
            code: 'docker.missing',
            what: l10n.t('Docker command line'),
            why: l10n.t('"{0}" cannot be run.', dockerProgram),
            next: l10n.t('Containers are created with it: install it, or set its path in the settings.'),
            cause: error,
          });
        }
      }),
    ]);
  }

  dispose(): void {
    this.#watch.dispose();
    for (const environment of [...this.#projects.keys()]) environment.dispose();
    this.#store.dispose();
  }
}

function isOf(project: Project, labels: Readonly<Record<string, string>>): boolean {
  return (
    labels[folderLabel] === project.folder &&
    (project.configFile === undefined || labels[configLabel] === project.configFile)
  );
}

function otherOf({ Id, Names, Image, State, Status }: ContainerInfo): OtherEnvironment {
  const state = stateOf(State);
  const able = capabilitiesOf(state, { canSuspend: true });
  return {
    kind: 'container',
    id: Id,
    name: Names[0]?.replace(/^\//, '') ?? Id.slice(0, 12),
    state,
    description: l10n.t('{0}, {1}', Image, Status),
    capabilities: new Set(
      otherCapabilities.filter((one) => able.has(one) && !(one === 'canOpen' && state === 'running')),
    ),
  };
}
