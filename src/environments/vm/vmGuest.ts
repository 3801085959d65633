import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { withDeadline } from '../../base/abort.ts';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Runner } from '../../base/process.ts';
import { silentProgress, type Progress } from '../../base/progress.ts';
import type { Project } from '../../config/project.ts';
import { readSwitchyardConfig } from '../../config/read.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';
import type { SshConnection } from '../../connections/sshConnection.ts';
import type { DevcontainerCli } from '../../engines/devcontainerCli.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import type { CarryReport, CarryRequest } from '../../sync/carrier.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import type { EnvironmentAccess, EnvironmentState, OpenResult } from '../environment.ts';
import type { Dotfiles } from '../hooks/dotfiles.ts';
import { opened } from '../opened.ts';
import { ShellReserve } from '../shells.ts';
import { stateOf } from './domainState.ts';
import { readBootId } from './bootId.ts';
import { setGuestClock } from './guestClock.ts';
import { hostName, prepareGuest } from './guestSetup.ts';
import type { BoxStore } from './image/boxStore.ts';
import { Machine, type MachineTimeouts } from './machine.ts';
import { prepareMachine, type Prepared } from './prepareMachine.ts';
import { removeProjectImage } from './projectImage.ts';
import { RecordFile, type MachineRecord } from './record.ts';
import { strange } from './supported.ts';
import { VmAccess } from './vmAccess.ts';
import { VmHooks } from './vmHooks.ts';

/** What every VM of this computer shares. */
export interface VmServices {
  readonly runner: Runner;
  readonly log: Logger;
  readonly docker: DockerEngine;
  readonly devcontainer: DevcontainerCli;
  readonly boxes: BoxStore;
  /** The person's dotfiles, as the settings say now. */
  readonly dotfiles?: () => Dotfiles | undefined;
  /** Makes what keeps a project's workspace and its VM the same; `rules` are read at each beginning. */
  readonly syncFor: (project: Project, rules: () => SwitchyardSettings['sync']) => LiveSync;
  readonly timeouts: MachineTimeouts;
}

/** Bound on sending the last changes of the workspace before the machine goes, in milliseconds. */
const lastChangesMs = 20_000;

/** How long a shell takes to show its prompt in software emulation, in milliseconds. */
const shellMs = 1_000;

/** Bound on tidying up after something that was cancelled or failed, in milliseconds. */
const tidyMs = 180_000;

/** What a machine of the project is, how it comes to be and how it is entered. */
export class VmGuest {
  readonly machine: Machine;
  readonly record: RecordFile;
  readonly #project: Project;
  readonly #services: VmServices;
  readonly #hooks: VmHooks;
  readonly #access: VmAccess;
  #shells: ShellReserve | undefined;
  readonly #onCreating: () => void;
  readonly sync: LiveSync;
  #rules: SwitchyardSettings['sync'] = { ignore: [], protect: [] };

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
    this.sync = services.syncFor(project, () => this.#rules);
    this.#onCreating = events.onCreating;
    const folder = path.join(project.storage, 'vm');
    this.machine = new Machine({ projectId: project.id, folder, ...services });
    this.record = new RecordFile(path.join(folder, 'machine.json'), services.log);
    const { onActivity } = events;
    this.#hooks = new VmHooks({ projectFolder: project.folder, folder, ...services, onActivity });
    this.#access = new VmAccess({
      machine: this.machine,
      record: this.record,
      boxes: services.boxes,
      bootMs: services.timeouts.bootMs,
      onDisconnected: events.onDisconnected,
      log: services.log,
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
    return this.#enter(settings, record, undefined, progress, signal);
  }

  /** Makes, starts or wakes it, and enters it. Only one window at a time may. */
  async open(progress: Progress, signal: AbortSignal): Promise<OpenResult> {
    const settings = await this.settings();
    const info = await this.machine.info(signal);
    const record = await this.record.read();
    if (info && !record) throw strange(this.machine.domain);
    if (!info || record?.phase !== 'ready') {
      this.#onCreating();
      const prepared = await this.#prepare(settings, progress, signal);
      // What a crash, or somebody behind our back, left of it.
      if (info || record) await this.#remove(progress, signal);
      return this.#create(settings, prepared, progress, signal);
    }
    const state = stateOf(info);
    if (state === 'running') {
      // Where it was not us who started it, its run is not the one on record.
      const { run: _other, ...made } = record;
      const known = record.run?.id === info.run ? record : made;
      return this.#enter(settings, known, undefined, progress, signal);
    }
    progress.step(
      state === 'suspended' ? l10n.t('Waking the virtual machine') : l10n.t('Starting the virtual machine'),
    );
    await this.#hooks.initialize(record.merged, { progress, signal });
    if (state !== 'suspended') this.disconnect();
    await this.machine.start(info, signal);
    const how = state === 'suspended' ? 'resume' : 'start';
    return this.#enter(settings, record, { how, warmCache: true }, progress, signal);
  }

  /** Makes it anew from the config as it is now. */
  async rebuild(progress: Progress, signal: AbortSignal): Promise<OpenResult> {
    const settings = await this.settings();
    // The image first: while it does not build, the machine that works stays.
    const prepared = await this.#prepare(settings, progress, signal);
    progress.step(l10n.t('Removing the old virtual machine'));
    await this.#remove(progress, signal);
    await this.#services.boxes.release(this.#project.id, prepared.box.key, signal);
    return this.#create(settings, prepared, progress, signal);
  }

  /** Removes the machine, and its box where nobody else uses it. */
  async destroy(progress: Progress, signal: AbortSignal): Promise<void> {
    await this.#remove(progress, signal);
    await this.#services.boxes.release(this.#project.id, undefined, signal);
    try {
      await removeProjectImage(this.#project, this.#services.docker, signal);
    } catch (error) {
      // The machine is gone, which was asked for; without Docker only a name is left.
      signal.throwIfAborted();
      this.#services.log.warn(String(error));
    }
  }

  #prepare(settings: SwitchyardSettings, progress: Progress, signal: AbortSignal): Promise<Prepared> {
    const parts = { ...this.#services, hooks: this.#hooks, domain: this.machine.domain };
    return prepareMachine(this.#project, settings, parts, { progress, signal });
  }

  async #create(
    settings: SwitchyardSettings,
    { box, cached, record }: Prepared,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<OpenResult> {
    try {
      await this.record.write(record);
      progress.step(l10n.t('Making the virtual machine'));
      await this.machine.create(
        {
          box: box.name,
          user: 'root',
          privateKeyFile: box.privateKeyFile,
          cpus: settings.vm.cpus,
          memoryBytes: settings.vm.memoryBytes,
          diskBytes: settings.vm.diskBytes,
          acceleration: record.acceleration.type,
        },
        progress,
        signal,
      );
      const connection = await this.connect(record, signal);
      progress.step(l10n.t('Preparing the virtual machine'));
      const prepared = await run(
        connection,
        {
          argv: prepareGuest({ ...record, hostName: hostName(this.#project.name) }),
          user: 'root',
          cwd: '/',
          env: {},
        },
        signal,
      );
      if (prepared.code !== 0) {
        throw new SwitchyardError({
          code: 'vagrant.failed',
          what: l10n.t('The virtual machine could not be prepared.'),
          why: prepared.stderr.toString('utf8').trim() || l10n.t('Its setup ended without a word.'),
          next: l10n.t('The log has the whole output.'),
        });
      }
      const ready: MachineRecord = { ...((await this.record.read()) ?? record), phase: 'ready' };
      await this.record.write(ready);
      return await this.#enter(settings, ready, { how: 'create', warmCache: cached }, progress, signal);
    } catch (error) {
      const made = await this.record.read();
      // Once it was ready it is kept: what failed afterwards (the workspace, say) can be tried again.
      if (made?.phase === 'ready' && !signal.aborted) throw error;
      const tidy = AbortSignal.timeout(tidyMs);
      await this.#remove(silentProgress, tidy);
      throw error;
    }
  }

  /** From a machine that runs to one that is ready for a terminal. */
  async #enter(
    settings: SwitchyardSettings,
    before: MachineRecord,
    start: OpenResult['start'],
    progress: Progress,
    signal: AbortSignal,
  ): Promise<OpenResult> {
    const known = start?.how === 'resume' ? await this.#access.wake(signal) : this.connection;
    if (!known) progress.step(l10n.t('Connecting'));
    const connection = known ?? (await this.connect(before, signal));
    if (start?.how === 'resume' && !known) await setGuestClock(connection, signal);
    const shells = this.#shellsOf(connection, before);
    // The hooks of a creation may change what a shell is given at its start.
    if (start?.how !== 'create') shells.prepare();
    this.#rules = settings.sync;
    const [record, carried] = await Promise.all([
      start || !before.run ? this.#noteRun(before, start, connection, signal) : before,
      this.sync.attach(carryRequest(before, connection), progress, signal),
    ]);
    const outcome = await this.#hooks.run(connection, record, { progress, signal });
    return opened(shells, outcome, { start, workspaceFolder: record.workspaceFolder, carried });
  }

  /** Keeps which run and which boot this is. */
  async #noteRun(
    before: MachineRecord,
    start: OpenResult['start'],
    connection: Connection,
    signal: AbortSignal,
  ): Promise<MachineRecord> {
    const [info, now] = await Promise.all([this.machine.info(signal), this.record.read()]);
    if (info?.run === undefined) throw this.notRunning();
    const known = now ?? before;
    // One that wakes goes on where it was.
    const slept = start?.how === 'resume' ? known.run?.boot : undefined;
    const boot = slept ?? (await readBootId(connection, signal));
    const startedAt = start && { startedAt: new Date().toISOString() };
    const record: MachineRecord = { ...known, run: { id: info.run, boot, ...startedAt } };
    await this.record.write(record);
    return record;
  }

  #shellsOf(connection: Connection, { workspaceFolder }: MachineRecord): ShellReserve {
    if (this.#shells?.connection === connection) return this.#shells;
    const shells = new ShellReserve(connection, workspaceFolder, shellMs, this.#services.log);
    connection.onDidClose(() => shells.dispose());
    this.#shells = shells;
    return shells;
  }

  /** Looks at everything on both sides now. */
  async syncNow(
    settings: SwitchyardSettings,
    record: MachineRecord,
    connection: Connection,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<CarryReport> {
    this.#rules = settings.sync;
    return this.sync.syncNow(carryRequest(record, connection), progress, signal);
  }

  /** Removes the machine and what is recorded of it; the box stays. */
  async #remove(progress: Progress, signal: AbortSignal): Promise<void> {
    await this.#hooks.end();
    this.disconnect();
    await this.machine.destroy(progress, signal);
    await this.record.remove();
  }

  async settings(): Promise<SwitchyardSettings> {
    const { configFile, name } = this.#project;
    if (configFile !== undefined) return (await readSwitchyardConfig(configFile)).settings;
    throw new SwitchyardError({
      code: 'config.missing',
      what: l10n.t('{0} cannot be opened in a virtual machine.', name),
      why: l10n.t('It has no devcontainer.json.'),
      next: l10n.t('Add a configuration.'),
      remedies: [{ do: 'addConfiguration' }],
    });
  }

  async expectRecord(): Promise<MachineRecord> {
    const record = await this.record.read();
    if (record?.phase !== 'ready') throw this.notRunning();
    return record;
  }

  notRunning(): SwitchyardError {
    return new SwitchyardError({
      code: 'environment.gone',
      what: l10n.t('The virtual machine of {0} is not running.', this.#project.name),
      why: l10n.t('It was stopped, suspended or removed.'),
      next: l10n.t('Open it again.'),
      remedies: [{ do: 'retry' }],
    });
  }

  /** Saves the machine's memory; the connection and the sync hold still until it wakes. */
  async suspend(signal: AbortSignal): Promise<void> {
    await this.sync.hold(withDeadline(signal, lastChangesMs));
    await this.#access.setAsleep(true);
    try {
      await this.machine.suspend(signal);
    } catch (error) {
      await this.#goOn();
      throw error;
    }
  }

  /** What libvirt says became of it, while nothing of this window is under way. */
  async noteState(state: EnvironmentState): Promise<void> {
    // A machine that sleeps has its end of the connection with it.
    if (state !== 'running' && state !== 'suspended') this.disconnect();
    if (state === 'running') await this.#goOn();
  }

  /** The machine does not sleep (any more). */
  async #goOn(): Promise<void> {
    await this.#access.setAsleep(false);
    this.sync.letGo();
  }

  /** Ends the hooks that run on, and sends the last changes, for a bounded time; the rest goes next time. */
  async endSync(signal: AbortSignal): Promise<void> {
    await this.#hooks.end();
    await this.sync.detach(withDeadline(signal, lastChangesMs));
  }

  dispose(): void {
    // It never rejects, and what it ends is gone with the connection anyway.
    void this.#hooks.end();
    this.disconnect();
    this.sync.dispose();
  }

  disconnect(): void {
    this.#shells?.dispose();
    this.#shells = undefined;
    this.#access.disconnect();
  }
}

function carryRequest(record: MachineRecord, connection: Connection): CarryRequest {
  return { connection, guestFolder: record.workspaceFolder, guestId: record.guestId };
}
