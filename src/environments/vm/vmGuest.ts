import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Runner } from '../../base/process.ts';
import type { Progress } from '../../base/progress.ts';
import type { Project } from '../../config/project.ts';
import { readSwitchyardConfig, settingsForVagrantfile } from '../../config/read.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { SshConnection } from '../../connections/sshConnection.ts';
import type { DevcontainerCli } from '../../engines/devcontainerCli.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import type { DestroyWishes, EnvironmentAccess, KeptSnapshot, OpenResult } from '../environment.ts';
import type { Dotfiles } from '../hooks/dotfiles.ts';
import type { GetSecrets } from '../hooks/secrets.ts';
import { ImageLedger } from '../imageLedger.ts';
import { stateOf } from './domainState.ts';
import type { BoxStore } from './image/boxStore.ts';
import type { MachineHost } from './machineHost.ts';
import { MachineEntry } from './machineEntry.ts';
import { MachineMaker } from './machineMaker.ts';
import { Machine, type MachineTimeouts } from './machine.ts';
import { prepareMachine, type Prepared } from './prepareMachine.ts';
import type { SourceParts } from './prepareSource.ts';
import { ProjectMachine } from './projectMachine.ts';
import { removeProjectImage } from './projectImage.ts';
import { RecordFile, type MachineRecord } from './record.ts';
import { ReadyKeeper } from './readyKeeper.ts';
import { ReadySnapshot } from './readySnapshot.ts';
import { notRunning, strange } from './supported.ts';
import { VmAccess } from './vmAccess.ts';
import { VmHooks } from './vmHooks.ts';

/** What every VM of this computer shares. */
export interface VmServices {
  readonly runner: Runner;
  readonly log: Logger;
  readonly docker: DockerEngine;
  readonly devcontainer: DevcontainerCli;
  readonly boxes: BoxStore;
  readonly host: MachineHost;
  /** The person's dotfiles, as the settings say now. */
  readonly dotfiles?: () => Dotfiles | undefined;
  /** Values that stand in no file, for the hooks. */
  readonly secrets?: GetSecrets;
  /** Makes what keeps a project's workspace and its VM the same; `rules` are read at each beginning. */
  readonly syncFor: (project: Project, rules: () => SwitchyardSettings['sync']) => LiveSync;
  readonly timeouts: MachineTimeouts;
}

/** The machine of one project: by which way it is opened as it is found, made anew and given up. */
export class VmGuest {
  readonly machine: ProjectMachine;
  readonly record: RecordFile;
  readonly #project: Project;
  readonly #services: VmServices;
  readonly #hooks: VmHooks;
  readonly #ready: ReadySnapshot;
  readonly #keeper: ReadyKeeper;
  readonly #access: VmAccess;
  readonly entry: MachineEntry;
  readonly #images: ImageLedger;
  readonly #sources: VmServices & SourceParts & { readonly images: ImageLedger };
  readonly #maker: MachineMaker;
  readonly #onCreating: () => void;
  readonly #sync: LiveSync;

  constructor(
    project: Project,
    services: VmServices,
    events: {
      readonly onCreating: () => void;
      readonly onDisconnected: () => void;
      /** Told which hook runs on in the background, and undefined when none does any more. */
      readonly onActivity: (activity: string | undefined) => void;
    },
  ) {
    this.#project = project;
    this.#services = services;
    this.#sync = services.syncFor(project, () => this.entry.rules);
    this.#onCreating = events.onCreating;
    const { mark } = services.host;
    const folder = path.join(project.storage, mark === undefined ? 'vm' : `vm-${mark}`);
    this.record = new RecordFile(path.join(folder, 'machine.json'), services.log);
    const generated = new Machine({ projectId: project.id, folder, ...services });
    this.#ready = new ReadySnapshot({ machine: generated, folder, ...services });
    this.#keeper = new ReadyKeeper({ project, snapshot: this.#ready, sync: this.#sync, ...services });
    this.machine = new ProjectMachine(generated, this.record, () => this.settings(), services);
    const { onActivity } = events;
    this.#hooks = new VmHooks({ project, folder, ...services, onActivity });
    this.#access = new VmAccess({
      machine: this.machine,
      record: this.record,
      boxes: services.boxes,
      host: services.host,
      bootMs: services.timeouts.bootMs,
      onDisconnected: events.onDisconnected,
      log: services.log,
    });
    const [hooks, access, sync] = [this.#hooks, this.#access, this.#sync];
    const { machine, record } = this;
    const parts = { project, machine, record, hooks, access, sync, log: services.log };
    this.entry = new MachineEntry(parts);
    this.#images = new ImageLedger(project, 'vm', { engine: services.docker, log: services.log });
    const own: SourceParts['own'] = (source) => machine.own(source);
    this.#sources = { ...services, hooks, generated, own, images: this.#images };
    this.#maker = new MachineMaker({
      ...parts,
      entry: this.entry,
      ready: this.#ready,
      keeper: this.#keeper,
      sources: this.#sources,
      onCreating: events.onCreating,
    });
  }

  /** Why a hook of the present run failed. */
  async failedHook(record: MachineRecord): Promise<SwitchyardError | undefined> {
    return this.#hooks.failed(record);
  }

  /** The connection, while it lives. */
  get connection(): SshConnection | undefined {
    return this.#access.connection;
  }

  async connect(record: MachineRecord, signal: AbortSignal): Promise<SshConnection> {
    return this.#access.connect(record, signal);
  }

  async access(): Promise<EnvironmentAccess> {
    return this.#access.forClients(await this.expectRecord());
  }

  /** The hot path: enters a machine that runs; undefined where there is anything to be made or started. */
  async enterRunning(progress: Progress, signal: AbortSignal): Promise<OpenResult | undefined> {
    const [settings, info, record] = await Promise.all([
      this.settings(),
      this.machine.info(signal),
      this.record.read(),
    ]);
    // Another window makes it, and writes the phase and the run when it has.
    if (stateOf(info) !== 'running' || record?.phase !== 'ready' || record.run?.id !== info?.run)
      return undefined;
    return this.entry.enter(settings, record, undefined, { progress, signal });
  }

  /** Makes, starts or wakes it, and enters it. Only one window at a time may. */
  async open(progress: Progress, signal: AbortSignal): Promise<OpenResult> {
    this.#sync.prepare();
    const settings = await this.settings();
    const info = await this.machine.info(signal);
    const record = await this.record.read();
    const isOwn = (record?.own ?? (await this.machine.ownSource())) !== undefined;
    if (info && !record && !isOwn) throw strange(this.machine.domain);
    const isOther = record?.own !== undefined && record.machineId !== info?.uuid;
    if (!info || record?.phase !== 'ready' || isOther) {
      const left = info !== undefined || record !== undefined;
      const restored = isOwn ? undefined : await this.#maker.restore(settings, left, progress, signal);
      if (restored) return restored;
      this.#onCreating();
      const prepared = await this.#prepare(settings, progress, signal);
      // What a crash, or somebody behind our back, left of it, and a snapshot that does not count. The user's own
      // machine is gone on with.
      if (isOwn) await this.#maker.forget();
      else if (left || (await this.#ready.info())) await this.#maker.remove(progress, signal);
      return this.#maker.create(settings, prepared, progress, signal);
    }
    const state = stateOf(info);
    if (state === 'running') {
      // Where it was not us who started it, its run is not the one on record.
      const { run: _other, ...made } = record;
      const known = record.run?.id === info.run ? record : made;
      return this.entry.enter(settings, known, undefined, { progress, signal });
    }
    progress.step(
      state === 'suspended' ? l10n.t('Waking the virtual machine') : l10n.t('Starting the virtual machine'),
    );
    if (record.own && state === 'stopped') {
      return this.#maker.startOwn(settings, record, record.own, progress, signal);
    }
    await this.#hooks.initialize(record.merged, { progress, signal });
    if (state !== 'suspended') this.entry.disconnect();
    await this.machine.start(info, progress, signal);
    const how = state === 'suspended' ? 'resume' : 'start';
    return this.entry.enter(settings, record, { how, warmCache: true }, { progress, signal });
  }

  /** Makes it anew from the config as it is now. */
  async rebuild(progress: Progress, signal: AbortSignal): Promise<OpenResult> {
    const settings = await this.settings();
    const before = await this.record.read();
    // The image first: while it does not build, the machine that works stays.
    const prepared = await this.#prepare(settings, progress, signal);
    const over = before?.phase === 'ready' && (await this.#isOnSameDisk(before, prepared));
    if (over) {
      await this.#maker.giveUp(signal);
    } else {
      progress.step(l10n.t('Removing the old virtual machine'));
      await this.#maker.remove(progress, signal);
    }
    await this.#services.boxes.release(this.#project.id, prepared.box?.key, signal);
    return this.#maker.create(settings, { ...prepared, found: false, over }, progress, signal);
  }

  /** Whether what is prepared stands on the box's disk on which the machine of a record does. */
  async #isOnSameDisk({ boxKey }: MachineRecord, { box }: Prepared): Promise<boolean> {
    return box !== undefined && (await this.#services.boxes.find(boxKey))?.name === box.name;
  }

  /** Removes the machine, and its box where nobody else uses it, with what is wished. */
  async destroy(progress: Progress, signal: AbortSignal, wishes: DestroyWishes): Promise<void> {
    const kept = wishes.keepSnapshot && (await this.#ready.info()) !== undefined;
    await this.#maker.remove(progress, signal, kept ? 'disk' : undefined);
    if (wishes.withVolumes) await this.machine.generated.removeVolumes(signal);
    if (kept) return;
    await this.#services.boxes.release(this.#project.id, undefined, signal);
    try {
      await removeProjectImage(this.#project, this.#services.docker, signal);
      await this.#images.removeAll(signal);
    } catch (error) {
      // The machine is gone, which was asked for; without Docker only a name is left.
      signal.throwIfAborted();
      this.#services.log.warn(String(error));
    }
  }

  /** What is kept of it, for after a destroy. */
  async snapshot(): Promise<KeptSnapshot | undefined> {
    return this.#ready.info();
  }

  #prepare(settings: SwitchyardSettings, progress: Progress, signal: AbortSignal): Promise<Prepared> {
    return prepareMachine(this.#project, settings, this.#sources, { progress, signal });
  }

  async settings(): Promise<SwitchyardSettings> {
    const { configFile, folder, name } = this.#project;
    if (configFile !== undefined) return (await readSwitchyardConfig(configFile)).settings;
    const vagrantfile = path.join(folder, 'Vagrantfile');
    if (await isThere(vagrantfile)) return settingsForVagrantfile(vagrantfile);
    throw new SwitchyardError({
      code: 'config.missing',
      what: l10n.t('{0} cannot be opened in a virtual machine.', name),
      why: l10n.t('It has neither a devcontainer.json nor a Vagrantfile.'),
      next: l10n.t('Add a configuration.'),
      remedies: [{ do: 'addConfiguration' }],
    });
  }

  async expectRecord(): Promise<MachineRecord> {
    const record = await this.record.read();
    if (record?.phase !== 'ready') throw notRunning(this.#project.name);
    return record;
  }

  /** Saves the machine's memory; the connection and the sync hold still until it wakes. */
  async suspend(progress: Progress, signal: AbortSignal): Promise<void> {
    await this.#keeper.settled;
    await this.entry.suspend(progress, signal);
  }

  dispose(): void {
    this.entry.dispose();
    this.#sync.dispose();
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
