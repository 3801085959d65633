import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type { ContainerInspectInfo } from 'dockerode';
import { liveConfig } from '../../config/fingerprint.ts';
import type { Project } from '../../config/project.ts';
import { readSwitchyardConfig } from '../../config/read.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { Connection } from '../../connections/connection.ts';
import type { UpResult } from '../../engines/devcontainerCli.ts';
import { settingsFor } from '../../engines/dockerEndpoint.ts';
import type { CarryReport } from '../../sync/carrier.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import type {
  Environment,
  EnvironmentAccess,
  EnvironmentDetails,
  EnvironmentStatus,
  OpenResult,
  OperationOptions,
  Usage,
} from '../environment.ts';
import { runInitializeCommand } from '../hooks/initialize.ts';
import { Lifecycle } from '../lifecycle.ts';
import { hasDrifted, notRunning } from './containerStatus.ts';
import type { ContainerControl } from './control.ts';
import { configFileOf, type ContainerCreator } from './creation.ts';
import { detailsOf, type EngineInfo } from './details.ts';
import { imageCreatedAt, removeBuiltImages, removeReplacedImage } from './images.ts';
import { findContainer, labelsOf, stateOf } from './lookup.ts';
import { environmentOf, recordOf, RecordStore, withLive, type ContainerRecord } from './record.ts';
import { ContainerSampler } from './sampler.ts';
import { companionsOf, removeComposeNetworks } from './services.ts';
import { ContainerSession, type SessionParts } from './session.ts';

export interface ContainerParts extends SessionParts {
  readonly creator: ContainerCreator;
  readonly control: ContainerControl;
  /** Called once, at the end of the environment. */
  readonly onDispose: () => void;
}

type Start = NonNullable<OpenResult['start']>;

/** The container of one project. */
export class ContainerEnvironment implements Environment {
  readonly kind = 'container';
  readonly project: Project;
  readonly #parts: ContainerParts;
  readonly #records: RecordStore;
  readonly #session: ContainerSession;
  readonly #sampler: ContainerSampler;
  readonly #lifecycle: Lifecycle;
  readonly onDidChangeStatus: Environment['onDidChangeStatus'];
  #container: ContainerInspectInfo | undefined;

  constructor(project: Project, parts: ContainerParts) {
    this.project = project;
    this.#parts = parts;
    this.#lifecycle = new Lifecycle({
      lockFile: path.join(project.storage, 'container.lock'),
      look: (signal) => this.#look(signal),
      cannotLook: () => l10n.t('The container cannot be looked up.'),
      elsewhere: () => l10n.t('Another window works on this container.'),
    });
    this.onDidChangeStatus = this.#lifecycle.onDidChangeStatus;
    this.#records = new RecordStore(path.join(project.storage, 'container.json'), parts.log);
    this.#session = new ContainerSession(project, parts, this.#records, (activity) =>
      this.#lifecycle.setActivity(activity),
    );
    this.#sampler = new ContainerSampler(parts.engine, parts.log);
  }

  get status(): EnvironmentStatus {
    return this.#lifecycle.status;
  }

  get sync(): LiveSync | undefined {
    return this.#session.sync;
  }

  async refresh(signal: AbortSignal): Promise<EnvironmentStatus> {
    return this.#lifecycle.refresh(signal);
  }

  async open(options: OperationOptions): Promise<OpenResult> {
    return this.#lifecycle.operate(
      l10n.t('"{0}" could not be opened in a container.', this.project.name),
      options,
      (inner) => this.#open(inner),
    );
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const { record } = await this.#running(signal);
    return this.#session.connect(record);
  }

  async access(signal: AbortSignal): Promise<EnvironmentAccess> {
    const { container, record } = await this.#running(signal);
    const { host, tlsFolder } = await this.#parts.engine.endpoint();
    return {
      by: 'engine',
      engine: host,
      tlsFolder,
      containerId: container.Id,
      containerName: container.Name.replace(/^\//, ''),
      labels: labelsOf(this.project),
      user: record.remoteUser,
      env: environmentOf(record),
      workspaceFolder: record.workspaceFolder,
    };
  }

  async syncNow(options: OperationOptions): Promise<CarryReport | undefined> {
    return this.#lifecycle.operate(l10n.t('The workspace could not be synced.'), options, async (inner) => {
      const settings = await this.#settings();
      if (settings.container.workspace === 'mount') return undefined;
      return this.#session.carry((await this.#running(inner.signal)).record, settings, inner);
    });
  }

  async stop(options: OperationOptions): Promise<void> {
    const what = l10n.t('The container of "{0}" could not be stopped.', this.project.name);
    await this.#lifecycle.operate(what, options, (inner) =>
      this.#change('stopping', inner, async (container) => {
        inner.progress.step(l10n.t('Stopping the container'));
        await this.#withServices(container, inner.signal, (id) => this.#parts.control.stop(id, inner.signal));
      }),
    );
  }

  async suspend(options: OperationOptions): Promise<void> {
    const what = l10n.t('The container of "{0}" could not be paused.', this.project.name);
    await this.#lifecycle.operate(what, options, (inner) =>
      this.#change('stopping', inner, async (container) => {
        inner.progress.step(l10n.t('Pausing the container'));
        await this.#withServices(container, inner.signal, (id) =>
          this.#parts.control.pause(id, inner.signal),
        );
      }),
    );
  }

  async rebuild(options: OperationOptions): Promise<OpenResult> {
    const what = l10n.t('The container of "{0}" could not be rebuilt.', this.project.name);
    return this.#lifecycle.operate(what, options, async (inner) => {
      const settings = await this.#settings();
      return this.#lifecycle.locked(inner, async () => {
        const began = new Date();
        const old = await this.#look(inner.signal);
        await this.#parts.creator.build(this.project, settings, inner);
        const opened = await this.#create(settings, inner, began, old !== undefined);
        if (old) await removeReplacedImage(this.#parts.engine, old, inner.signal);
        return opened;
      });
    });
  }

  async destroy(options: OperationOptions): Promise<void> {
    const what = l10n.t('The container of "{0}" could not be destroyed.', this.project.name);
    await this.#lifecycle.operate(what, options, async (inner) => {
      let removed: ContainerInspectInfo | undefined;
      await this.#change('stopping', inner, async (container) => {
        inner.progress.step(l10n.t('Removing the container'));
        await this.#withServices(container, inner.signal, (id) =>
          this.#parts.control.remove(id, inner.signal),
        );
        await removeComposeNetworks(this.#parts.engine, container, inner.signal);
        await this.#records.clear();
        removed = container;
      });
      await removeBuiltImages(this.#parts.engine, this.project, removed, inner.signal);
    });
  }

  async leave(options: OperationOptions): Promise<void> {
    const { onLeave } = (await this.#settings()).container;
    if (onLeave === 'stop') await this.stop(options);
    if (onLeave === 'pause') await this.suspend(options);
  }

  async details(signal: AbortSignal): Promise<EnvironmentDetails> {
    const settings = await this.#settings();
    const container = await this.#look(signal);
    const record = container && (await this.#records.read(container.Id));
    const info = await this.#parts.engine.ask(
      l10n.t('Docker could not be asked about itself.'),
      (docker) => docker.info() as Promise<EngineInfo>,
      { signal },
    );
    return detailsOf({
      container,
      info,
      merged: record?.merged,
      workspaceMode: settings.container.workspace,
      workspaceFolder: record?.workspaceFolder,
    });
  }

  async usage(signal: AbortSignal): Promise<Usage | undefined> {
    if (this.status.state !== 'running' || !this.#container) return undefined;
    return this.#sampler.sample(this.#container, signal, this.#lifecycle.ended);
  }

  dispose(): void {
    this.#lifecycle.dispose();
    this.#session.dispose();
    this.#parts.onDispose();
  }

  async #open(options: OperationOptions): Promise<OpenResult> {
    const settings = await this.#settings();
    const container = await this.#look(options.signal);
    const record = container && (await this.#records.read(container.Id));
    // The hot path: nothing but the engine, and no lock, because nothing is changed.
    if (container?.State.Status === 'running' && record) {
      const opened = await this.#enter(container, record, settings, undefined, options);
      if (opened.problem) await this.refresh(options.signal);
      return opened;
    }
    return this.#lifecycle.locked(options, async () => {
      const opened = await this.#bringUp(settings, options);
      this.#lifecycle.over();
      if (this.#container) await this.#tell(this.#container);
      return opened;
    });
  }

  /** With the lock held: whatever there is becomes a running container that is entered. */
  async #bringUp(settings: SwitchyardSettings, options: OperationOptions): Promise<OpenResult> {
    if (await this.#records.wasInterrupted()) {
      await this.#parts.creator.removeUnfinished(this.project, options.signal);
      await this.#records.clear();
    }
    const found = await this.#look(options.signal);
    if (!found) return this.#create(settings, options, new Date(), false);
    const how = found.State.Status === 'running' ? undefined : found.State.Paused ? 'resume' : 'start';
    const start: Start | undefined = how && { how, warmCache: true };
    let record = await this.#records.read(found.Id);
    let admitted = false;
    if (how) {
      this.#lifecycle.begin('starting');
      options.progress.step(l10n.t('Starting the container'));
      if (how === 'resume') {
        await this.#withServices(found, options.signal, (id) =>
          this.#parts.control.unpause(id, options.signal),
        );
      } else if (record) {
        const { initializeCommand } = record.merged;
        await runInitializeCommand(this.#parts.runner, this.project.folder, initializeCommand, options);
        // Its services first: it may need them from its first moment on.
        for (const id of await companionsOf(this.#parts.engine, found, options.signal)) {
          await this.#parts.control.start(id, options.signal);
        }
        [admitted] = await Promise.all([
          this.#session.admit(record, settings, options),
          this.#parts.control.start(found.Id, options.signal),
        ]);
      } else {
        // Another tool made it: the CLI knows what else a start needs.
        await this.#parts.creator.up(this.project, settings, options);
      }
    }
    const running = await this.#look(options.signal);
    if (!running) throw notRunning(this.project);
    if (!record) {
      // Another tool made it, and ran the hooks of its creation.
      options.progress.step(l10n.t('Reading the configuration'));
      record = await this.#remember(
        await this.#parts.creator.adopt(this.project, settings, running, options),
      );
      await this.#session.markDone(running, how === undefined ? ['create', 'start'] : ['create']);
    }
    return this.#enter(running, record, settings, start, { ...options, admitted });
  }

  async #create(
    settings: SwitchyardSettings,
    options: OperationOptions,
    began: Date,
    replace: boolean,
  ): Promise<OpenResult> {
    const { creator, engine, control } = this.#parts;
    this.#lifecycle.begin('creating');
    await this.#session.detach(options.signal);
    this.#session.disconnect();
    await this.#records.beginCreation();
    const result = await creator.up(this.project, settings, { ...options, replace });
    try {
      const record = await this.#remember(result);
      const container = await this.#look(options.signal);
      if (!container) throw notRunning(this.project);
      const warmCache = (await imageCreatedAt(engine, container, options.signal)) < began;
      return await this.#enter(container, record, settings, { how: 'create', warmCache }, options);
    } catch (error) {
      // Without its first hooks it is half-made. A hook that fails by itself is no error here.
      await control.remove(result.containerId, AbortSignal.timeout(60_000));
      await this.#records.clear();
      throw error;
    }
  }

  async #enter(
    container: ContainerInspectInfo,
    record: ContainerRecord,
    settings: SwitchyardSettings,
    start: Start | undefined,
    options: OperationOptions & { readonly admitted?: boolean },
  ): Promise<OpenResult> {
    const current = await this.#upToDate(container, record, settings, options);
    return this.#session.enter(container, current, settings, start, options);
  }

  /** Takes over what the config says now of what needs no rebuild. */
  async #upToDate(
    container: ContainerInspectInfo,
    record: ContainerRecord,
    settings: SwitchyardSettings,
    options: OperationOptions,
  ): Promise<ContainerRecord> {
    const { configFile } = this.project;
    const live = configFile === undefined ? record.live : await liveConfig(configFile);
    if (live === record.live) return record;
    options.progress.step(l10n.t('Reading the configuration'));
    const { mergedConfiguration } = await this.#parts.creator.adopt(
      this.project,
      settings,
      container,
      options,
    );
    const current = withLive(record, live, mergedConfiguration);
    await this.#records.write(current);
    return current;
  }

  async #remember(result: UpResult): Promise<ContainerRecord> {
    const record = await recordOf(result, this.project.configFile);
    await this.#records.write(record);
    return record;
  }

  /** Stop, pause, remove: nothing to do where there is no container. */
  async #change(
    state: EnvironmentStatus['state'],
    options: OperationOptions,
    work: (container: ContainerInspectInfo) => Promise<void>,
  ): Promise<void> {
    await this.#lifecycle.locked(options, async () => {
      const container = await this.#look(options.signal);
      if (!container) return;
      this.#lifecycle.begin(state);
      await this.#session.detach(options.signal);
      await work(container);
    });
  }

  /** @throws SwitchyardError `environment.gone` */
  async #running(signal: AbortSignal): Promise<{ container: ContainerInspectInfo; record: ContainerRecord }> {
    const container = await this.#look(signal);
    const record = container && (await this.#records.read(container.Id));
    if (container?.State.Status !== 'running' || !record) throw notRunning(this.project);
    return { container, record };
  }

  /** Does something to the container, then to the other services of its compose file. */
  async #withServices(
    container: ContainerInspectInfo,
    signal: AbortSignal,
    work: (id: string) => Promise<void>,
  ): Promise<void> {
    await work(container.Id);
    for (const id of await companionsOf(this.#parts.engine, container, signal)) await work(id);
  }

  async #settings(): Promise<SwitchyardSettings> {
    const { settings } = await readSwitchyardConfig(configFileOf(this.project));
    return settingsFor(await this.#parts.engine.endpoint(), settings);
  }

  /** Asks the engine, and tells the status. */
  async #look(signal: AbortSignal): Promise<ContainerInspectInfo | undefined> {
    const known = this.#container?.Id;
    const container = await findContainer(this.#parts.engine, this.project, signal, known);
    this.#container = container;
    if (container?.State.Status !== 'running') this.#session.disconnect();
    if (!container) {
      this.#lifecycle.found('absent');
      return undefined;
    }
    await this.#tell(container);
    return container;
  }

  async #tell(container: ContainerInspectInfo): Promise<void> {
    this.#lifecycle.found(stateOf(container.State.Status), {
      startedAt: container.State.Running ? new Date(container.State.StartedAt) : undefined,
      problem: await this.#session.failedHook(container),
      drifted: await hasDrifted(this.project, await this.#records.read(container.Id)),
    });
  }
}
