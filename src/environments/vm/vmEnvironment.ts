import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type { SwitchyardError } from '../../base/errors.ts';
import { silentProgress } from '../../base/progress.ts';
import { readPorts } from '../../config/ports.ts';
import type { Project } from '../../config/project.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';
import type { MergedConfiguration } from '../../engines/devcontainerCli.ts';
import type { CarryReport } from '../../sync/carrier.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import type {
  DestroyWishes,
  Environment,
  EnvironmentAccess,
  EnvironmentDetails,
  EnvironmentStatus,
  OpenResult,
  OperationOptions,
  Usage,
} from '../environment.ts';
import { Lifecycle } from '../lifecycle.ts';
import { chooseAcceleration } from './acceleration.ts';
import { ignoredProperties } from '../properties.ts';
import { configHash } from './projectImage.ts';
import type { OwnSource } from './ownMachine.ts';
import type { MachineRecord } from './record.ts';
import { planOf } from './mounts/vmMounts.ts';
import { snapshotHindrance } from './readyKeeper.ts';
import { leftOf } from './services/guestServices.ts';
import { stateOf } from './domainState.ts';
import { ownHash } from './prepareSource.ts';
import { VmUsage } from './vmUsage.ts';
import { notRunning } from './supported.ts';
import { VmGuest, type VmServices } from './vmGuest.ts';

/** A project's VM. */
export class VmEnvironment implements Environment {
  readonly kind = 'vm';
  readonly project: Project;
  readonly #services: VmServices;
  readonly #lifecycle: Lifecycle;
  readonly onDidChangeStatus: Environment['onDidChangeStatus'];
  readonly #guest: VmGuest;
  readonly #usage = new VmUsage();

  constructor(project: Project, services: VmServices) {
    this.project = project;
    this.#services = services;
    this.#lifecycle = new Lifecycle({
      kind: this.kind,
      lockFile: path.join(project.storage, 'vm.lock'),
      look: (signal) => this.#look(signal),
      cannotLook: () => l10n.t('The virtual machine cannot be asked.'),
      elsewhere: () => l10n.t('Another window works on this virtual machine.'),
    });
    this.onDidChangeStatus = this.#lifecycle.onDidChangeStatus;
    this.#guest = new VmGuest(project, services, {
      onCreating: () => this.#lifecycle.begin('creating'),
      // Whatever ended the connection, libvirt knows what became of the machine.
      onActivity: (activity) => this.#lifecycle.setActivity(activity),
      onDisconnected: () => void this.refresh(AbortSignal.timeout(30_000)),
    });
  }

  /** Fires when nobody uses it any more. */
  get ended(): AbortSignal {
    return this.#lifecycle.ended;
  }

  /** The machine of the user's own Vagrantfile that it is; undefined where its Vagrantfile is generated. */
  async ownSource(): Promise<OwnSource | undefined> {
    return this.#guest.machine.ownSource();
  }

  get sync(): LiveSync | undefined {
    return this.#guest.entry.sync;
  }

  get status(): EnvironmentStatus {
    return this.#lifecycle.status;
  }

  async refresh(signal: AbortSignal): Promise<EnvironmentStatus> {
    return this.#lifecycle.refresh(signal);
  }

  async open(options: OperationOptions): Promise<OpenResult> {
    const what = l10n.t('"{0}" could not be opened in a virtual machine.', this.project.name);
    return this.#lifecycle.operate(what, options, async (inner) => {
      const { progress, signal } = inner;
      // Nothing is changed by entering what runs, so nobody has to wait for another window.
      const entered = await this.#guest.enterRunning(progress, signal);
      if (entered) {
        if (entered.problem || this.status.state !== 'running') await this.refresh(signal);
        return entered;
      }
      return this.#lifecycle.locked(inner, async () => {
        this.#lifecycle.begin('starting');
        const opened = await this.#guest.open(progress, signal);
        this.#lifecycle.over();
        const record = await this.#guest.record.read();
        await this.#tell('running', record?.run?.id, record);
        return opened;
      });
    });
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const { connection } = this.#guest;
    if (connection) return connection;
    const what = l10n.t('The virtual machine of "{0}" cannot be reached.', this.project.name);
    return this.#lifecycle.operate(what, { progress: silentProgress, signal }, async (inner) => {
      const record = await this.#guest.expectRecord();
      const info = await this.#guest.machine.info(inner.signal);
      if (info?.state !== 'running') throw notRunning(this.project.name);
      return this.#guest.connect(record, inner.signal);
    });
  }

  /** Through the machine's own SSH server, with the key and the host key of its box. */
  async access(signal: AbortSignal): Promise<EnvironmentAccess> {
    // The connection knows the address that the machine has now.
    await this.connect(signal);
    return this.#guest.access();
  }

  async syncNow(options: OperationOptions): Promise<CarryReport | undefined> {
    const settings = await this.#guest.settings();
    const record = await this.#guest.expectRecord();
    const connection = await this.connect(options.signal);
    return this.#guest.entry.syncNow(settings, record, connection, options.progress, options.signal);
  }

  async stop(options: OperationOptions): Promise<void> {
    const what = l10n.t('The virtual machine of "{0}" could not be stopped.', this.project.name);
    await this.#lifecycle.operate(what, options, async ({ progress, signal }) => {
      const info = await this.#guest.machine.info(signal);
      if (!info || stateOf(info) === 'stopped') return;
      this.#lifecycle.begin('stopping');
      progress.step(l10n.t('Stopping the virtual machine'));
      // To drop saved memory would be to pull the plug on what it has not written yet.
      if (stateOf(info) === 'suspended') await this.#guest.machine.start(info, progress, signal);
      await this.#guest.entry.endSync(signal);
      this.#guest.entry.disconnect();
      await this.#guest.machine.stop(progress, signal);
    });
  }

  async suspend(options: OperationOptions): Promise<void> {
    const what = l10n.t('The virtual machine of "{0}" could not be suspended.', this.project.name);
    await this.#lifecycle.operate(what, options, async ({ progress, signal }) => {
      const info = await this.#guest.machine.info(signal);
      if (!info || stateOf(info) !== 'running') return;
      this.#lifecycle.begin('suspending');
      progress.step(l10n.t('Suspending the virtual machine'));
      await this.#guest.suspend(progress, signal);
    });
  }

  async rebuild(options: OperationOptions): Promise<OpenResult> {
    const what = l10n.t('The virtual machine of "{0}" could not be rebuilt.', this.project.name);
    return this.#lifecycle.operate(what, options, (inner) =>
      this.#lifecycle.locked(inner, () => {
        this.#lifecycle.begin('creating');
        return this.#guest.rebuild(inner.progress, inner.signal);
      }),
    );
  }

  async destroy(options: OperationOptions, wishes: DestroyWishes = {}): Promise<void> {
    const what = l10n.t('The virtual machine of "{0}" could not be destroyed.', this.project.name);
    await this.#lifecycle.operate(what, options, (inner) =>
      this.#lifecycle.locked(inner, () => {
        this.#lifecycle.begin('removing');
        inner.progress.step(l10n.t('Removing the virtual machine'));
        return this.#guest.destroy(inner.progress, inner.signal, wishes);
      }),
    );
  }

  async volumes(signal: AbortSignal): Promise<readonly string[]> {
    return this.#guest.machine.generated.volumes.list(signal);
  }

  async leave(options: OperationOptions): Promise<void> {
    const settings = await this.#guest.settings();
    if (settings.vm.onLeave === 'stop') await this.stop(options);
    if (settings.vm.onLeave === 'suspend') await this.suspend(options);
  }

  async details(signal: AbortSignal): Promise<EnvironmentDetails> {
    const [record, settings] = await Promise.all([this.#guest.record.read(), this.#guest.settings()]);
    signal.throwIfAborted();
    const merged: MergedConfiguration = record?.merged ?? {};
    const noSnapshot =
      record && settings.vm.readySnapshot ? snapshotHindrance(this.project.folder, record) : undefined;
    return {
      engineName: record?.domain,
      image: record?.image,
      workspaceMode: record?.mounted ? 'mount' : 'ssh',
      workspaceFolder: record?.workspaceFolder,
      ...(record?.host === undefined ? {} : { host: record.host }),
      isolation: {
        // Vagrant can make containers too, and calls them machines.
        kernel: record?.own?.provider === 'docker' ? 'shared' : 'own',
        kernelRelease: this.status.state === 'running' ? await this.#kernel(signal) : undefined,
        rootIsHostRoot: record?.own?.provider === 'docker',
        acceleration:
          record?.acceleration ??
          (settings.vm.source.type === 'vagrantfile'
            ? undefined
            : chooseAcceleration(settings.vm.acceleration, await this.#services.host.virtualisation(signal))),
      },
      ports: readPorts(merged, false),
      ignored: [
        ...ignoredProperties('vm', merged, record?.own ? 'vagrantfile' : settings.vm.source.type),
        ...(record ? planOf(this.project.folder, record).ignored : []),
        ...(record?.left ?? []),
        ...(noSnapshot === undefined ? [] : [{ property: 'vm.readySnapshot', reason: noSnapshot }]),
        ...(record?.services ? leftOf(record.services) : []),
      ],
    };
  }

  async usage(signal: AbortSignal): Promise<Usage | undefined> {
    const [stats, record] = await Promise.all([this.#guest.machine.stats(signal), this.#guest.record.read()]);
    if (this.status.state !== 'running') return undefined;
    const { connection } = this.#guest;
    if (!stats) return record?.own && connection ? this.#usage.ofGuest(connection, signal) : undefined;
    const box = record && (await this.#services.boxes.find(record.boxKey));
    return this.#usage.ofDomain(stats, box?.diskBytes);
  }

  dispose(): void {
    this.#lifecycle.dispose();
    this.#guest.dispose();
  }

  async #kernel(signal: AbortSignal): Promise<string | undefined> {
    const { connection } = this.#guest;
    if (!connection) return undefined;
    const { stdout, code } = await run(connection, { argv: ['uname', '-r'], cwd: '/' }, signal);
    return code === 0 ? stdout.toString('utf8').trim() : undefined;
  }

  async #problem(
    state: EnvironmentStatus['state'],
    record: MachineRecord,
  ): Promise<SwitchyardError | undefined> {
    if (state !== 'absent' && record.phase === 'creating') return this.#lifecycle.halfMade();
    return state === 'running' ? this.#guest.failedHook(record) : undefined;
  }

  async #hasDrifted(record: MachineRecord): Promise<boolean> {
    try {
      const { own } = record;
      const now = own ? await ownHash(this.project, own.vagrantfile) : await configHash(this.project);
      return now !== record.configHash;
    } catch (error) {
      // Without its config nothing can be made anew, so nothing is to be applied.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Asks libvirt, and tells the status. */
  async #look(signal: AbortSignal): Promise<void> {
    const [info, record] = await Promise.all([this.#guest.machine.glance(signal), this.#guest.record.read()]);
    const state = stateOf(info);
    if (this.#lifecycle.underWay === undefined) await this.#guest.entry.noteState(state, record, signal);
    await this.#tell(state, info?.run, record, state === 'absent' ? await this.volumes(signal) : undefined);
  }

  /** @param run as libvirt numbers it */
  async #tell(
    state: EnvironmentStatus['state'],
    run: string | undefined,
    record: MachineRecord | undefined,
    keptVolumes?: readonly string[],
  ): Promise<void> {
    const isRunning = state === 'running';
    const startedAt = isRunning && record?.run?.id === run ? record?.run?.startedAt : undefined;
    this.#lifecycle.found(state, {
      startedAt: startedAt === undefined ? undefined : new Date(startedAt),
      problem: record && (await this.#problem(state, record)),
      snapshot: await this.#guest.snapshot(),
      keptVolumes,
      drifted: state !== 'absent' && record !== undefined && (await this.#hasDrifted(record)),
      // Vagrant reads its file at each start.
      restartApplies: record?.own !== undefined,
    });
  }
}
