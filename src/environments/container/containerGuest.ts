import type { ContainerInspectInfo } from 'dockerode';
import * as l10n from '@vscode/l10n';
import { liveConfig } from '../../config/fingerprint.ts';
import type { Project } from '../../config/project.ts';
import { readSwitchyardConfig } from '../../config/read.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { UpResult } from '../../engines/devcontainerCli.ts';
import { settingsFor } from '../../engines/dockerEndpoint.ts';
import type { OpenResult, OperationOptions } from '../environment.ts';
import { runInitializeCommand } from '../hooks/initialize.ts';
import type { ImageLedger } from '../imageLedger.ts';
import { notRunning } from './containerStatus.ts';
import type { ContainerControl } from './control.ts';
import { configFileOf, type ContainerCreator } from './creation.ts';
import { imageCreatedAt, removeReplacedImage } from './images.ts';
import { findContainer } from './lookup.ts';
import { recordOf, withLive, type ContainerRecord, type RecordStore } from './record.ts';
import { companionsOf } from './services.ts';
import type { ContainerSession, SessionParts } from './session.ts';

export interface ContainerGuestParts extends SessionParts {
  readonly creator: ContainerCreator;
  readonly control: ContainerControl;
}

export interface ContainerGuestEvents {
  /** The engine was asked: this is what there is. */
  readonly onFound: (container: ContainerInspectInfo | undefined) => Promise<void>;
  /** Something that changes it begins. */
  readonly onBegin: (state: 'creating' | 'starting') => void;
}

type Start = NonNullable<OpenResult['start']>;

/** What a container of the project is, how it comes to be and how it is entered. */
export class ContainerGuest {
  readonly #project: Project;
  readonly #parts: ContainerGuestParts;
  readonly #records: RecordStore;
  readonly #session: ContainerSession;
  readonly #images: ImageLedger;
  readonly #events: ContainerGuestEvents;
  #container: ContainerInspectInfo | undefined;

  constructor(
    project: Project,
    parts: ContainerGuestParts,
    own: {
      readonly records: RecordStore;
      readonly session: ContainerSession;
      readonly images: ImageLedger;
    },
    events: ContainerGuestEvents,
  ) {
    this.#project = project;
    this.#parts = parts;
    this.#records = own.records;
    this.#session = own.session;
    this.#images = own.images;
    this.#events = events;
  }

  /** As it was when the engine was last asked. */
  get container(): ContainerInspectInfo | undefined {
    return this.#container;
  }

  async settings(): Promise<SwitchyardSettings> {
    const { settings } = await readSwitchyardConfig(configFileOf(this.#project));
    return settingsFor(await this.#parts.engine.endpoint(), settings);
  }

  /** Asks the engine. */
  async look(signal: AbortSignal): Promise<ContainerInspectInfo | undefined> {
    const known = this.#container?.Id;
    const container = await findContainer(this.#parts.engine, this.#project, signal, known);
    this.#container = container;
    if (container?.State.Status !== 'running') this.#session.disconnect();
    await this.#events.onFound(container);
    return container;
  }

  /** The hot path: nothing but the engine; undefined where there is anything to be made or started. */
  async enterRunning(
    settings: SwitchyardSettings,
    options: OperationOptions,
  ): Promise<OpenResult | undefined> {
    const container = await this.look(options.signal);
    const record = container && (await this.#records.read(container.Id));
    if (container?.State.Status !== 'running' || !record) return undefined;
    return this.#enter(container, record, settings, undefined, options);
  }

  /** With the lock held: whatever there is becomes a running container that is entered. */
  async open(settings: SwitchyardSettings, options: OperationOptions): Promise<OpenResult> {
    if (await this.#records.wasInterrupted()) {
      await this.#parts.creator.removeUnfinished(this.#project, options.signal);
      await this.#records.clear();
    }
    const found = await this.look(options.signal);
    if (!found) return this.#create(settings, options, new Date(), false);
    const how = found.State.Status === 'running' ? undefined : found.State.Paused ? 'resume' : 'start';
    const start: Start | undefined = how && { how, warmCache: true };
    let record = await this.#records.read(found.Id);
    const admitted = how !== undefined && (await this.#start(found, how, record, settings, options));
    const running = await this.look(options.signal);
    if (!running) throw notRunning(this.#project);
    if (!record) {
      // Another tool made it, and ran the hooks of its creation.
      options.progress.step(l10n.t('Reading the configuration'));
      record = await this.#remember(
        await this.#parts.creator.adopt(this.#project, settings, running, options),
      );
      await this.#session.markDone(running, how === undefined ? ['create', 'start'] : ['create']);
    }
    return this.#enter(running, record, settings, start, { ...options, admitted });
  }

  /** Makes it anew from the config as it is now. */
  async rebuild(settings: SwitchyardSettings, options: OperationOptions): Promise<OpenResult> {
    const began = new Date();
    const old = await this.look(options.signal);
    await this.#images.build(
      (onImage) => this.#parts.creator.build(this.#project, settings, { ...options, onImage }),
      options.signal,
    );
    const opened = await this.#create(settings, options, began, old !== undefined);
    if (old) await removeReplacedImage(this.#parts.engine, old, options.signal);
    return opened;
  }

  /** @throws SwitchyardError `environment.gone` */
  async running(signal: AbortSignal): Promise<{ container: ContainerInspectInfo; record: ContainerRecord }> {
    const container = await this.look(signal);
    const record = container && (await this.#records.read(container.Id));
    if (container?.State.Status !== 'running' || !record) throw notRunning(this.#project);
    return { container, record };
  }

  /** Does something to the container, then to the other services of its compose file. */
  async withServices(
    container: ContainerInspectInfo,
    signal: AbortSignal,
    work: (id: string) => Promise<void>,
  ): Promise<void> {
    await work(container.Id);
    for (const id of await companionsOf(this.#parts.engine, container, signal)) await work(id);
  }

  /** Starts or resumes it with its services; answers whether its user may write the workspace already. */
  async #start(
    found: ContainerInspectInfo,
    how: Start['how'],
    record: ContainerRecord | undefined,
    settings: SwitchyardSettings,
    options: OperationOptions,
  ): Promise<boolean> {
    const { control, creator, engine, runner } = this.#parts;
    const { signal } = options;
    this.#events.onBegin('starting');
    options.progress.step(l10n.t('Starting the container'));
    if (how === 'resume') {
      await this.withServices(found, signal, (id) => control.unpause(id, signal));
      return false;
    }
    if (!record) {
      // Another tool made it: the CLI knows what else a start needs.
      await creator.up(this.#project, settings, options);
      return false;
    }
    await runInitializeCommand(runner, this.#project.folder, record.merged.initializeCommand, options);
    // Its services first: it may need them from its first moment on.
    for (const id of await companionsOf(engine, found, signal)) await control.start(id, signal);
    const [admitted] = await Promise.all([
      this.#session.admit(record, settings, options),
      control.start(found.Id, signal),
    ]);
    return admitted;
  }

  async #create(
    settings: SwitchyardSettings,
    options: OperationOptions,
    began: Date,
    replace: boolean,
  ): Promise<OpenResult> {
    const { creator, engine, control } = this.#parts;
    this.#events.onBegin('creating');
    await this.#session.detach(options.signal);
    this.#session.disconnect();
    await this.#records.beginCreation();
    const result = await this.#images.build(
      (onImage) => creator.up(this.#project, settings, { ...options, replace, onImage }),
      options.signal,
    );
    try {
      const record = await this.#remember(result);
      const container = await this.look(options.signal);
      if (!container) throw notRunning(this.#project);
      const warmCache = (await imageCreatedAt(engine, container, options.signal)) < began;
      const start = { how: 'create', warmCache } as const;
      const tidying = this.#images.removeFormer(options.signal);
      return await this.#enter(container, record, settings, start, options).finally(() => tidying);
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
    const { configFile } = this.#project;
    const live = configFile === undefined ? record.live : await liveConfig(configFile);
    if (live === record.live) return record;
    options.progress.step(l10n.t('Reading the configuration'));
    const { mergedConfiguration } = await this.#parts.creator.adopt(
      this.#project,
      settings,
      container,
      options,
    );
    const current = withLive(record, live, mergedConfiguration);
    await this.#records.write(current);
    return current;
  }

  async #remember(result: UpResult): Promise<ContainerRecord> {
    const record = await recordOf(result, this.#project.configFile);
    await this.#records.write(record);
    return record;
  }
}
