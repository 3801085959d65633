import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
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
import type { CarryReport } from '../../sync/carrier.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import type { OpenResult } from '../environment.ts';
import { FileHookMarkers } from '../hooks/markers.ts';
import { hookPlan, parseHook } from '../hooks/plan.ts';
import { runDueHooks } from '../hooks/run.ts';
import { chooseAcceleration, probeVirtualisation } from './acceleration.ts';
import { stateOf } from './domainState.ts';
import { setGuestClock } from './guestClock.ts';
import { guestEnvironment, hostName, prepareGuest, remoteUserOf } from './guestSetup.ts';
import type { Box, BoxStore } from './image/boxStore.ts';
import { Machine, type MachineTimeouts } from './machine.ts';
import { buildProjectImage, configHash } from './projectImage.ts';
import { RecordFile, type MachineRecord } from './record.ts';
import { expectSupported, strange } from './supported.ts';
import { waitForSsh } from './waitForSsh.ts';

/** What every VM of this computer shares. */
export interface VmServices {
  readonly runner: Runner;
  readonly log: Logger;
  readonly docker: DockerEngine;
  readonly devcontainer: DevcontainerCli;
  readonly boxes: BoxStore;
  /** Makes what keeps a project's workspace and its VM the same; `rules` are read at each beginning. */
  readonly syncFor: (project: Project, rules: () => SwitchyardSettings['sync']) => LiveSync;
  readonly timeouts: MachineTimeouts;
}

/** Bound on sending the last changes of the workspace before the machine goes, in milliseconds. */
const lastChangesMs = 20_000;

/** Bound on tidying up after something that was cancelled or failed, in milliseconds. */
const tidyMs = 180_000;

/** What a machine of the project is, how it comes to be and how it is entered. */
export class VmGuest {
  readonly machine: Machine;
  readonly record: RecordFile;
  readonly #project: Project;
  readonly #services: VmServices;
  readonly #markers: FileHookMarkers;
  readonly #onCreating: () => void;
  readonly #onDisconnected: () => void;
  /** A failed hook of the present run. */
  #hookProblem: SwitchyardError | undefined;
  #connection: SshConnection | undefined;
  readonly sync: LiveSync;
  #rules: SwitchyardSettings['sync'] = { ignore: [], protect: [] };
  /** The connection that hooks were run for as an attachment, and the attachment's id. */
  #attachment: { readonly connection: Connection; readonly id: string } | undefined;

  constructor(
    project: Project,
    services: VmServices,
    events: { readonly onCreating: () => void; readonly onDisconnected: () => void },
  ) {
    this.#project = project;
    this.#services = services;
    this.sync = services.syncFor(project, () => this.#rules);
    this.#onCreating = events.onCreating;
    this.#onDisconnected = events.onDisconnected;
    const folder = path.join(project.storage, 'vm');
    this.machine = new Machine({ projectId: project.id, folder, ...services });
    this.record = new RecordFile(path.join(folder, 'machine.json'), services.log);
    this.#markers = new FileHookMarkers(path.join(folder, 'hooks.json'), services.log);
  }

  /** Why a hook of the present run failed. */
  get hookProblem(): SwitchyardError | undefined {
    return this.#hookProblem;
  }

  /** The connection, while it lives. */
  get connection(): SshConnection | undefined {
    return this.#connection?.isClosed === false ? this.#connection : undefined;
  }

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
    if (state === 'running') return this.#enter(settings, record, undefined, progress, signal);
    progress.step(
      state === 'suspended' ? l10n.t('Waking the virtual machine') : l10n.t('Starting the virtual machine'),
    );
    await this.#initialize(record.merged, progress, signal);
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
  }

  /** Everything that a new machine needs before there is one: acceleration, image, box. */
  async #prepare(settings: SwitchyardSettings, progress: Progress, signal: AbortSignal): Promise<Prepared> {
    expectSupported(settings);
    const acceleration = chooseAcceleration(settings.vm.acceleration, await probeVirtualisation());
    progress.line(l10n.t('Acceleration: {0}. {1}', acceleration.type, acceleration.reason));
    const image = await buildProjectImage(this.#project, this.#services, { progress, signal });
    const merged = image.configuration.mergedConfiguration;
    await this.#initialize(merged as Readonly<Record<string, unknown>>, progress, signal);
    const { box, cached } = await this.#services.boxes.ensure(image.id, image.layers, this.#project.id, {
      progress,
      signal,
    });
    const record: MachineRecord = {
      version: 1,
      phase: 'creating',
      guestId: randomUUID(),
      domain: this.machine.domain,
      boxKey: box.key,
      image: merged.image ?? image.id,
      acceleration,
      user: remoteUserOf(merged, image.config),
      workspaceFolder: image.configuration.workspace.workspaceFolder,
      env: guestEnvironment(merged, image.config),
      merged: merged as Readonly<Record<string, unknown>>,
      configHash: await configHash(this.#project),
    };
    return { box, cached, record };
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
    const known = this.#connection && !this.#connection.isClosed ? this.#connection : undefined;
    if (!known) progress.step(l10n.t('Connecting'));
    let record = before;
    const connection = known ?? (await this.connect(record, signal));
    if (start) {
      const info = await this.machine.info(signal);
      record = (await this.record.read()) ?? record;
      if (info?.run !== undefined) {
        record = { ...record, run: { id: info.run, startedAt: new Date().toISOString() } };
        await this.record.write(record);
      }
      if (start.how === 'resume') await setGuestClock(connection, signal);
    }
    const carried = await this.carry(settings, record, connection, progress, signal);
    this.#hookProblem = await runDueHooks(
      {
        connection,
        kind: 'vm',
        plan: hookPlan(record.merged),
        markers: this.#markers,
        occasions: {
          create: record.guestId,
          // A resumed machine goes on where it was: nothing starts anew in it.
          start: start?.how === 'resume' || !start ? await this.#lastStart(record) : randomUUID(),
          attach: this.#attachmentOf(connection),
        },
        cwd: record.workspaceFolder,
      },
      progress,
      signal,
    );
    return {
      connection,
      start,
      workspaceFolder: record.workspaceFolder,
      carried,
      problem: this.#hookProblem,
    };
  }

  /** The start that the hooks of this run were run for. */
  async #lastStart(record: MachineRecord): Promise<string> {
    return (await this.#markers.read()).get('postStartCommand')?.occasion ?? record.guestId;
  }

  async connect(record: MachineRecord, signal: AbortSignal): Promise<SshConnection> {
    if (this.#connection && !this.#connection.isClosed) return this.#connection;
    const box = await this.#expectBox(record);
    const access = {
      user: record.user,
      privateKey: await readFile(box.privateKeyFile, 'utf8'),
      hostKey: box.hostKey,
    };
    const { connection, address } = await waitForSsh(
      this.machine,
      access,
      // A folder that is not there yet would make every program fail.
      { env: record.env, ...(record.phase === 'ready' ? { cwd: record.workspaceFolder } : { cwd: '/' }) },
      { lastAddress: record.address, timeoutMs: this.#services.timeouts.bootMs, signal },
    );
    if (record.address !== address) {
      await this.record.write({ ...((await this.record.read()) ?? record), address });
    }
    if (record.phase !== 'ready') return connection;
    this.#connection = connection;
    connection.onDidClose(() => {
      if (this.#connection === connection) this.#connection = undefined;
      // Whatever ended it, libvirt knows what became of the machine.
      this.#onDisconnected();
    });
    return connection;
  }

  async carry(
    settings: SwitchyardSettings,
    record: MachineRecord,
    connection: Connection,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<CarryReport> {
    this.#rules = settings.sync;
    return this.sync.attach(
      { connection, guestFolder: record.workspaceFolder, guestId: record.guestId },
      progress,
      signal,
    );
  }

  /** `initializeCommand` runs on the host, before anything is made or started. */
  async #initialize(
    merged: Readonly<Record<string, unknown>>,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void> {
    const steps = parseHook('initializeCommand', merged['initializeCommand']);
    if (steps.length === 0) return;
    progress.step(l10n.t('Running {0}', 'initializeCommand'));
    const settled = await Promise.allSettled(
      steps.map(({ argv: [program = '', ...args] }) =>
        this.#services.runner.run(
          { program, args, cwd: this.#project.folder, timeoutMs: 2 ** 31 - 1, parse: () => undefined },
          { signal, onLine: (line) => progress.line(line) },
        ),
      ),
    );
    signal.throwIfAborted();
    const failed = settled.find((one) => one.status === 'rejected');
    if (!failed) return;
    throw new SwitchyardError({
      code: 'hook.failed',
      what: l10n.t('{0} failed.', 'initializeCommand'),
      why: failed.reason instanceof Error ? failed.reason.message : String(failed.reason),
      next: l10n.t('Correct it in the configuration and try again; it runs on this computer.'),
      remedies: [{ do: 'showLog' }, { do: 'retry' }],
      cause: failed.reason,
    });
  }

  /** Removes the machine and what is recorded of it; the box stays. */
  async #remove(progress: Progress, signal: AbortSignal): Promise<void> {
    this.disconnect();
    this.#hookProblem = undefined;
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

  async #expectBox(record: MachineRecord): Promise<Box> {
    const box = await this.#services.boxes.find(record.boxKey);
    if (box) return box;
    throw new SwitchyardError({
      code: 'environment.gone',
      what: l10n.t('The virtual machine cannot be entered.'),
      why: l10n.t('The keys of its box are gone.'),
      next: l10n.t('Rebuild it.'),
      remedies: [{ do: 'rebuild', kind: 'vm' }],
    });
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

  /** Sends the last changes while the machine still runs, for a bounded time; the rest goes next time. */
  async endSync(signal: AbortSignal): Promise<void> {
    await this.sync.detach(withDeadline(signal, lastChangesMs));
  }

  /** A terminal more is no new attachment: the same connection is the same one. */
  #attachmentOf(connection: Connection): string {
    if (this.#attachment?.connection !== connection) this.#attachment = { connection, id: randomUUID() };
    return this.#attachment.id;
  }

  dispose(): void {
    this.disconnect();
    this.sync.dispose();
  }

  disconnect(): void {
    this.#connection?.dispose();
    this.#connection = undefined;
  }
}

interface Prepared {
  readonly box: Box;
  readonly cached: boolean;
  readonly record: MachineRecord;
}
