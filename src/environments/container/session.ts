import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { ContainerInspectInfo } from 'dockerode';
import { withDeadline } from '../../base/abort.ts';
import type { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Runner } from '../../base/process.ts';
import type { Project } from '../../config/project.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import { DockerConnection } from '../../connections/dockerConnection.ts';
import { runInContainer } from '../../connections/dockerRun.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import type { CarryReport, CarryRequest } from '../../sync/carrier.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import type { OpenResult, OperationOptions } from '../environment.ts';
import { declaredSecrets, type GetSecrets } from '../hooks/secrets.ts';
import { withDotfiles, type Dotfiles } from '../hooks/dotfiles.ts';
import { EnvironmentHooks } from '../hooks/environmentHooks.ts';
import { FileHookMarkers, WindowHookMarkers, type HookMarkers } from '../hooks/markers.ts';
import { hookNames, hookPlan, occasionOf, type HookOccasion } from '../hooks/plan.ts';
import { failedBefore } from '../hooks/run.ts';
import { opened } from '../opened.ts';
import { ShellReserve } from '../shells.ts';
import { probeUserEnv } from '../userEnv.ts';
import { environmentOf, type ContainerRecord, type RecordStore } from './record.ts';
import { grantAccess, type WorkspaceAccess } from './workspaceAccess.ts';

/** How long the last changes of a workspace may take before the container goes, in milliseconds. */
const lastChangesMs = 60_000;

/** How long a shell takes to show its prompt, in milliseconds. */
const shellMs = 200;

export interface SessionParts {
  readonly engine: DockerEngine;
  readonly runner: Runner;
  readonly log: Logger;
  /** The person's dotfiles, as the settings say now. */
  readonly dotfiles?: () => Dotfiles | undefined;
  /** Values that stand in no file, for the hooks. */
  readonly secrets?: GetSecrets;
  /** Keeps a workspace that is not mounted the same on both sides. */
  readonly syncFor: (project: Project, rules: () => SwitchyardSettings['sync']) => LiveSync;
}

interface Live {
  readonly connection: DockerConnection;
  readonly shells: ShellReserve;
  readonly key: string;
  /** Which attachment this is: hooks that are due at each are due with a new one. */
  readonly attached: string;
}

/** Everything that happens inside the project's running container. */
export class ContainerSession {
  readonly #project: Project;
  readonly #parts: SessionParts;
  readonly #records: RecordStore;
  readonly #markers: HookMarkers;
  readonly #hooks: EnvironmentHooks;
  #sync: LiveSync | undefined;
  #rules: SwitchyardSettings['sync'] = { ignore: [], protect: [] };
  #live: Live | undefined;

  /** @param onActivity told which hook runs on in the background, and undefined when none does any more */
  constructor(
    project: Project,
    parts: SessionParts,
    records: RecordStore,
    onActivity: (activity: string | undefined) => void,
  ) {
    this.#project = project;
    this.#parts = parts;
    this.#records = records;
    this.#markers = new WindowHookMarkers(
      new FileHookMarkers(path.join(project.storage, 'container-hooks.json'), parts.log),
    );
    this.#hooks = new EnvironmentHooks({
      lockFile: path.join(project.storage, 'container-hooks.lock'),
      log: parts.log,
      onStep: onActivity,
    });
  }

  /** Undefined where the workspace is mounted. */
  get sync(): LiveSync | undefined {
    return this.#sync;
  }

  /**
   * Lets the remote user write a mounted workspace where all that takes is known already, which is then done
   * on the host while the container starts.
   * @returns whether it is done
   */
  async admit(
    record: ContainerRecord,
    settings: SwitchyardSettings,
    options: OperationOptions,
  ): Promise<boolean> {
    if (settings.container.workspace !== 'mount') return true;
    if (!record.access) return false;
    try {
      await this.#grantAccess(record, options);
      return true;
    } catch (error) {
      options.signal.throwIfAborted();
      // What has to be done from inside is done when it runs.
      this.#parts.log.debug(`The workspace's permissions while the container starts: ${String(error)}`);
      return false;
    }
  }

  /** From a running container to one that is ready: workspace, connection, the hooks that are due. */
  async enter(
    container: ContainerInspectInfo,
    known: ContainerRecord,
    settings: SwitchyardSettings,
    start: OpenResult['start'],
    options: OperationOptions & { readonly admitted?: boolean },
  ): Promise<OpenResult> {
    const { signal, admitted = false } = options;
    const isMounted = settings.container.workspace === 'mount';
    const isNew = start?.how === 'create';
    const [access, userEnv] = await Promise.all([
      isMounted && start && start.how !== 'resume' && !admitted
        ? this.#grantAccess(known, options)
        : known.access,
      known.userEnv ?? this.#probe(known, signal),
      !isMounted && isNew ? this.#makeFolder(known, signal) : undefined,
    ]);
    const record =
      access === known.access && userEnv === known.userEnv
        ? known
        : await this.#save({ ...known, access, userEnv });
    const carried = isMounted ? undefined : await this.#attach(record, settings, options);
    const { connection, shells } = this.#connected(record);
    // The hooks of a creation may change what a shell is given at its start.
    if (!isNew) shells.prepare();
    const outcome = await this.#hooks.run(
      {
        connection,
        kind: 'container',
        plan: withDotfiles(hookPlan({ ...record.merged }), this.#parts.dotfiles?.()),
        markers: this.#markers,
        occasions: this.#occasions(container),
        cwd: record.workspaceFolder,
        secrets: (either) =>
          this.#parts.secrets?.(this.#project, declaredSecrets(record.merged), either) ?? Promise.resolve({}),
      },
      record.merged.waitFor,
      options,
    );
    return opened(shells, outcome, { start, workspaceFolder: record.workspaceFolder, carried });
  }

  /** The one connection to the container on record; one to another container or environment is ended. */
  connect(record: ContainerRecord): DockerConnection {
    return this.#connected(record).connection;
  }

  #connected(record: ContainerRecord): Live {
    const { containerId, remoteUser, userEnv, merged, workspaceFolder } = record;
    const key = JSON.stringify([containerId, remoteUser, userEnv, merged.remoteEnv]);
    const live = this.#live?.connection.isClosed ? undefined : this.#live;
    if (live?.key === key) return live;
    this.disconnect();
    const { engine, log } = this.#parts;
    const connection = new DockerConnection(
      engine,
      { containerId, user: remoteUser, env: environmentOf(record), cwd: workspaceFolder },
      log,
    );
    const shells = new ShellReserve(connection, workspaceFolder, shellMs, log);
    connection.onDidClose(() => shells.dispose());
    this.#live = { connection, shells, key, attached: live?.attached ?? randomUUID() };
    return this.#live;
  }

  disconnect(): void {
    this.#live?.shells.dispose();
    this.#live?.connection.dispose();
    this.#live = undefined;
  }

  /** Brings both sides of a workspace that is not mounted together now. */
  async carry(
    record: ContainerRecord,
    settings: SwitchyardSettings,
    { progress, signal }: OperationOptions,
  ): Promise<CarryReport> {
    return this.#syncOf(settings).carry(this.#carryRequest(record), progress, signal);
  }

  /** Ends the hooks that run on, and sends the last changes of a workspace that is not mounted. */
  async detach(signal: AbortSignal): Promise<void> {
    await this.#hooks.end();
    await this.#sync?.detach(withDeadline(signal, lastChangesMs));
  }

  dispose(): void {
    // It never rejects, and what it ends is gone with the connection anyway.
    void this.#hooks.end();
    this.#sync?.dispose();
    this.disconnect();
  }

  /** Writes down that another tool ran the hooks of these occasions. */
  async markDone(container: ContainerInspectInfo, done: readonly HookOccasion[]): Promise<void> {
    const occasions = this.#occasions(container);
    for (const hook of hookNames) {
      const occasion = occasionOf(hook);
      if (done.includes(occasion)) await this.#markers.write(hook, { occasion: occasions[occasion] });
    }
  }

  /** What a hook of this creation, this start or this attachment left behind. */
  async failedHook(container: ContainerInspectInfo): Promise<SwitchyardError | undefined> {
    return failedBefore(
      { kind: 'container', occasions: this.#occasions(container) },
      await this.#markers.read(),
    );
  }

  async #attach(
    record: ContainerRecord,
    settings: SwitchyardSettings,
    { progress, signal }: OperationOptions,
  ): Promise<CarryReport> {
    return this.#syncOf(settings).attach(this.#carryRequest(record), progress, signal);
  }

  #syncOf(settings: SwitchyardSettings): LiveSync {
    this.#rules = settings.sync;
    this.#sync ??= this.#parts.syncFor(this.#project, () => this.#rules);
    return this.#sync;
  }

  #carryRequest(record: ContainerRecord): CarryRequest {
    return {
      connection: this.connect(record),
      guestFolder: record.workspaceFolder,
      guestId: record.containerId,
    };
  }

  async #grantAccess(
    record: ContainerRecord,
    { progress, signal }: OperationOptions,
  ): Promise<WorkspaceAccess> {
    const { engine, runner, log } = this.#parts;
    const { containerId, remoteUser, workspaceFolder, access: before } = record;
    return grantAccess(
      { containerId, remoteUser, workspaceFolder, hostFolder: this.#project.folder, before },
      { engine, runner, log, progress },
      signal,
    );
  }

  /** A workspace that is not mounted gets a folder of the remote user's own. */
  async #makeFolder(record: ContainerRecord, signal: AbortSignal): Promise<void> {
    const { containerId, remoteUser, workspaceFolder } = record;
    const script = 'mkdir -p -- "$1" && chown "$2" "$1"';
    const argv = ['/bin/sh', '-c', script, 'sh', workspaceFolder, remoteUser];
    await runInContainer(this.#parts.engine, containerId, { argv, user: '0' }, signal);
  }

  async #probe(record: ContainerRecord, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const probe = record.merged.userEnvProbe ?? 'loginInteractiveShell';
    return probeUserEnv(this.connect(record), probe, this.#parts.log, signal);
  }

  async #save(record: ContainerRecord): Promise<ContainerRecord> {
    await this.#records.write(record);
    return record;
  }

  #occasions(container: ContainerInspectInfo): Readonly<Record<HookOccasion, string>> {
    return {
      create: container.Id,
      start: `${container.Id} ${container.State.StartedAt}`,
      attach: this.#live?.attached ?? '',
    };
  }
}
