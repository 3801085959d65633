import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type { ContainerInspectInfo } from 'dockerode';
import type { Project } from '../../config/project.ts';
import type { Connection } from '../../connections/connection.ts';
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
import { ImageLedger } from '../imageLedger.ts';
import { Lifecycle } from '../lifecycle.ts';
import { ContainerGuest, type ContainerGuestParts } from './containerGuest.ts';
import { hasDrifted } from './containerStatus.ts';
import { detailsOf, type EngineInfo } from './details.ts';
import { removeBuiltImages } from './images.ts';
import { labelsOf, stateOf } from './lookup.ts';
import { environmentOf, RecordStore } from './record.ts';
import { ContainerSampler } from './sampler.ts';
import { composeImagesOf, removeComposeNetworks } from './services.ts';
import { ContainerSession } from './session.ts';

export interface ContainerParts extends ContainerGuestParts {
  /** Called once, at the end of the environment. */
  readonly onDispose: () => void;
}

/** The container of one project. */
export class ContainerEnvironment implements Environment {
  readonly kind = 'container';
  readonly project: Project;
  readonly #parts: ContainerParts;
  readonly #records: RecordStore;
  readonly #session: ContainerSession;
  readonly #images: ImageLedger;
  readonly #sampler: ContainerSampler;
  readonly #lifecycle: Lifecycle;
  readonly onDidChangeStatus: Environment['onDidChangeStatus'];
  readonly #guest: ContainerGuest;

  constructor(project: Project, parts: ContainerParts) {
    this.project = project;
    this.#parts = parts;
    this.#lifecycle = new Lifecycle({
      kind: this.kind,
      lockFile: path.join(project.storage, 'container.lock'),
      look: (signal) => this.#guest.look(signal),
      cannotLook: () => l10n.t('The container cannot be looked up.'),
      elsewhere: () => l10n.t('Another window works on this container.'),
    });
    this.onDidChangeStatus = this.#lifecycle.onDidChangeStatus;
    this.#records = new RecordStore(path.join(project.storage, 'container.json'), parts.log);
    this.#session = new ContainerSession(project, parts, this.#records, (activity) =>
      this.#lifecycle.setActivity(activity),
    );
    this.#images = new ImageLedger(project, 'container', parts);
    this.#guest = new ContainerGuest(
      project,
      parts,
      { records: this.#records, session: this.#session, images: this.#images },
      {
        onFound: (container) => this.#tell(container),
        onBegin: (state) => this.#lifecycle.begin(state),
      },
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
    const { record } = await this.#guest.running(signal);
    return this.#session.connect(record);
  }

  async access(signal: AbortSignal): Promise<EnvironmentAccess> {
    const { container, record } = await this.#guest.running(signal);
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
      const settings = await this.#guest.settings();
      if (settings.container.workspace === 'mount') return undefined;
      return this.#session.carry((await this.#guest.running(inner.signal)).record, settings, inner);
    });
  }

  async stop(options: OperationOptions): Promise<void> {
    const what = l10n.t('The container of "{0}" could not be stopped.', this.project.name);
    await this.#lifecycle.operate(what, options, (inner) =>
      this.#change('stopping', inner, async (container) => {
        inner.progress.step(l10n.t('Stopping the container'));
        await this.#guest.withServices(container, inner.signal, (id) =>
          this.#parts.control.stop(id, inner.signal),
        );
      }),
    );
  }

  async suspend(options: OperationOptions): Promise<void> {
    const what = l10n.t('The container of "{0}" could not be paused.', this.project.name);
    await this.#lifecycle.operate(what, options, (inner) =>
      this.#change('suspending', inner, async (container) => {
        inner.progress.step(l10n.t('Pausing the container'));
        await this.#guest.withServices(container, inner.signal, (id) =>
          this.#parts.control.pause(id, inner.signal),
        );
      }),
    );
  }

  async rebuild(options: OperationOptions): Promise<OpenResult> {
    const what = l10n.t('The container of "{0}" could not be rebuilt.', this.project.name);
    return this.#lifecycle.operate(what, options, async (inner) => {
      const settings = await this.#guest.settings();
      return this.#lifecycle.locked(inner, () => this.#guest.rebuild(settings, inner));
    });
  }

  async destroy(options: OperationOptions): Promise<void> {
    const what = l10n.t('The container of "{0}" could not be destroyed.', this.project.name);
    await this.#lifecycle.operate(what, options, async (inner) => {
      let removed: Parameters<typeof removeBuiltImages>[2];
      await this.#change('removing', inner, async (container) => {
        inner.progress.step(l10n.t('Removing the container'));
        const composed = await composeImagesOf(this.#parts.engine, container, inner.signal);
        await this.#guest.withServices(container, inner.signal, (id) =>
          this.#parts.control.remove(id, inner.signal),
        );
        await removeComposeNetworks(this.#parts.engine, container, inner.signal);
        await this.#records.clear();
        removed = { container, composed };
      });
      const isOurs = !(await this.#images.isEmpty());
      await removeBuiltImages(this.#parts.engine, this.project, removed, isOurs, inner.signal);
      await this.#images.removeAll(inner.signal);
    });
  }

  async leave(options: OperationOptions): Promise<void> {
    const { onLeave } = (await this.#guest.settings()).container;
    if (onLeave === 'stop') await this.stop(options);
    if (onLeave === 'pause') await this.suspend(options);
  }

  async details(signal: AbortSignal): Promise<EnvironmentDetails> {
    const settings = await this.#guest.settings();
    const container = await this.#guest.look(signal);
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
    const { container } = this.#guest;
    if (this.status.state !== 'running' || !container) return undefined;
    return this.#sampler.sample(container, signal, this.#lifecycle.ended);
  }

  dispose(): void {
    this.#lifecycle.dispose();
    this.#session.dispose();
    this.#parts.onDispose();
  }

  async #open(options: OperationOptions): Promise<OpenResult> {
    const settings = await this.#guest.settings();
    // The hot path takes no lock, because nothing is changed.
    const entered = await this.#guest.enterRunning(settings, options);
    if (entered) {
      if (entered.problem) await this.refresh(options.signal);
      return entered;
    }
    return this.#lifecycle.locked(options, async () => {
      const opened = await this.#guest.open(settings, options);
      this.#lifecycle.over();
      await this.#tell(this.#guest.container);
      return opened;
    });
  }

  /** Stop, pause, remove: nothing to do where there is no container. */
  async #change(
    state: EnvironmentStatus['state'],
    options: OperationOptions,
    work: (container: ContainerInspectInfo) => Promise<void>,
  ): Promise<void> {
    await this.#lifecycle.locked(options, async () => {
      const container = await this.#guest.look(options.signal);
      if (!container) return;
      this.#lifecycle.begin(state);
      await this.#session.detach(options.signal);
      await work(container);
    });
  }

  async #tell(container: ContainerInspectInfo | undefined): Promise<void> {
    if (!container) {
      this.#lifecycle.found('absent');
      return;
    }
    this.#lifecycle.found(stateOf(container.State.Status), {
      startedAt: container.State.Running ? new Date(container.State.StartedAt) : undefined,
      problem: (await this.#records.wasInterrupted())
        ? await this.#lifecycle.halfMade()
        : await this.#session.failedHook(container),
      drifted: await hasDrifted(this.project, await this.#records.read(container.Id)),
    });
  }
}
