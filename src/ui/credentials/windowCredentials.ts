import * as l10n from '@vscode/l10n';
import { toSwitchyardError } from '../../base/errors.ts';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { Emitter } from '../../base/event.ts';
import { withVariables } from '../../connections/withVariables.ts';
import type { Connection } from '../../connections/connection.ts';
import type { HostCredentials } from '../../credentials/hostCredentials.ts';
import {
  credentialKinds,
  SharedCredentials,
  type CredentialKind,
} from '../../credentials/sharedCredentials.ts';
import type { SharedOverSsh } from '../../ssh/config/entry.ts';
import type { Environment } from '../../environments/environment.ts';
import type { Doors } from '../../ssh/doors.ts';
import type { ErrorReporter } from '../errors.ts';
import { eachModel } from '../model/eachModel.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { WindowProjects } from '../model/windowProjects.ts';
import type { OpenEnvironment } from '../terminals.ts';

/** Bound on making the sockets inside, in milliseconds. */
const shareMs = 30_000;

/** What `vscode.Memento` is here. */
interface Memory {
  get(key: string): unknown;
  update(key: string, value: unknown): PromiseLike<void>;
}

interface Share {
  readonly connection: Connection;
  readonly opening: Promise<SharedCredentials | undefined>;
  shared: SharedCredentials | undefined;
}

/**
 * Which credentials of this computer each project's environments may use: none until the person says so, which is
 * remembered on this computer and stands in no file of the project. They are there while an environment runs as the
 * active one, or has a terminal or a task of ours.
 */
export class WindowCredentials implements Disposable {
  readonly #projects: WindowProjects;
  readonly #host: HostCredentials;
  readonly #memory: Memory;
  readonly #isTrusted: () => boolean;
  readonly #doors: Doors;
  readonly #errors: ErrorReporter;
  readonly #shares = new Map<Environment, Share>();
  readonly #changed = new Emitter<Environment>();
  /** Fires when an environment has got credentials, or has them no longer. */
  readonly onDidChange = this.#changed.event;
  readonly #listening: Disposable;

  constructor(parts: {
    readonly projects: WindowProjects;
    readonly host: HostCredentials;
    /** This computer's, which all windows share. */
    readonly memory: Memory;
    readonly isTrusted: () => boolean;
    readonly doors: Doors;
    readonly errors: ErrorReporter;
  }) {
    this.#projects = parts.projects;
    this.#host = parts.host;
    this.#memory = parts.memory;
    this.#isTrusted = parts.isTrusted;
    this.#doors = parts.doors;
    this.#errors = parts.errors;
    this.#listening = eachModel(parts.projects, (model) => this.#follow(model));
  }

  /** What the person allowed the project. */
  allowed(projectId: string): readonly CredentialKind[] {
    const kept = this.#memory.get(keyOf(projectId));
    return Array.isArray(kept) ? credentialKinds.filter((kind) => kept.includes(kind)) : [];
  }

  /** What can be used in the environment now. */
  shared(environment: Environment): readonly CredentialKind[] {
    return this.#shares.get(environment)?.shared?.kinds ?? [];
  }

  /** What sessions through the environment's SSH alias get; its client brings its own agent. */
  overSsh(environment: Environment): SharedOverSsh | undefined {
    const kinds = this.shared(environment);
    if (kinds.length === 0) return undefined;
    const { SSH_AUTH_SOCK: _agent, ...variables } = this.#shares.get(environment)?.shared?.variables ?? {};
    return { agent: kinds.includes('sshAgent'), variables };
  }

  /** Remembers what is allowed; what was shared before ends at once. */
  async allow(model: ProjectModel, kinds: readonly CredentialKind[]): Promise<void> {
    await this.#memory.update(keyOf(model.project.id), kinds.length === 0 ? undefined : [...kinds]);
    for (const environment of model.environments) this.#end(environment);
    await this.#shareActive(model);
  }

  /** The variables that name what the environment may use; none where that is nothing. What fails is told, once. */
  async variables(
    environment: Environment,
    connection: Connection,
  ): Promise<Readonly<Record<string, string>>> {
    const kinds = this.#isTrusted() ? this.allowed(environment.project.id) : [];
    if (kinds.length === 0) return {};
    const known = this.#shares.get(environment);
    const share =
      known?.connection === connection && !connection.isClosed
        ? known
        : this.#begin(environment, connection, kinds);
    return (await share.opening)?.variables ?? {};
  }

  dispose(): void {
    this.#listening.dispose();
    for (const environment of [...this.#shares.keys()]) this.#end(environment);
    this.#changed.dispose();
  }

  #begin(environment: Environment, connection: Connection, kinds: readonly CredentialKind[]): Share {
    this.#end(environment);
    const opening = SharedCredentials.open(connection, this.#host, kinds, AbortSignal.timeout(shareMs)).then(
      (shared) => {
        if (this.#shares.get(environment) !== share) {
          shared.dispose();
          return undefined;
        }
        share.shared = shared;
        this.#tell(environment);
        return shared;
      },
      (error: unknown) => {
        if (!connection.isClosed) {
          this.#errors.report(
            toSwitchyardError(error, l10n.t('The credentials of this computer cannot be used inside.')),
            environment.project.name,
            { severity: 'warning' },
          );
        }
        return undefined;
      },
    );
    const share: Share = { connection, opening, shared: undefined };
    this.#shares.set(environment, share);
    connection.onDidClose(() => {
      if (this.#shares.get(environment) === share) this.#end(environment);
    });
    return share;
  }

  #end(environment: Environment): void {
    const share = this.#shares.get(environment);
    this.#shares.delete(environment);
    if (!share?.shared) return;
    share.shared.dispose();
    this.#tell(environment);
  }

  /** The tree, and whoever comes over SSH from now on. */
  #tell(environment: Environment): void {
    this.#changed.fire(environment);
    this.#doors.share(environment, this.overSsh(environment)).catch((error: unknown) => {
      this.#errors.report(error, environment.project.name, { severity: 'warning' });
    });
  }

  #follow(model: ProjectModel): Disposable {
    const end = new DisposableStore();
    const share = (): void => void this.#shareActive(model);
    for (const environment of model.environments) end.add(environment.onDidChangeStatus(share));
    end.add(model.switcher.onDidChangeActive(share));
    end.add({
      dispose: () => {
        if (this.#projects.models.includes(model)) return;
        for (const environment of model.environments) this.#end(environment);
      },
    });
    share();
    return end;
  }

  /** Also for who comes through the SSH door, and has no terminal of ours. */
  async #shareActive(model: ProjectModel): Promise<void> {
    const { active } = model.switcher;
    if (active === 'host' || this.allowed(model.project.id).length === 0) return;
    const environment = model.environment(active);
    if (environment.status.state !== 'running' || this.#shares.has(environment)) return;
    try {
      const connection = await environment.connect(AbortSignal.timeout(shareMs));
      await this.variables(environment, connection);
    } catch (error) {
      this.#errors.report(error, environment.project.name, { severity: 'warning' });
    }
  }
}

/** Programs of ours inside are started with the variables of what is shared with them. */
export function withCredentials(open: OpenEnvironment, credentials: WindowCredentials): OpenEnvironment {
  return async (model, kind) => {
    const opened = await open(model, kind);
    if (!opened) return undefined;
    const variables = await credentials.variables(model.environment(kind), opened.connection);
    if (Object.keys(variables).length === 0) return opened;
    return {
      ...opened,
      connection: withVariables(opened.connection, variables),
      shell: (size, signal) => opened.shell(size, signal, variables),
    };
  };
}

function keyOf(projectId: string): string {
  return `credentials:${projectId}`;
}
