import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { toSwitchyardError } from '../../base/errors.ts';
import { Emitter } from '../../base/event.ts';
import type { Progress } from '../../base/progress.ts';
import { readPorts } from '../../config/ports.ts';
import type { Project } from '../../config/project.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';
import type { MergedConfiguration } from '../../engines/devcontainerCli.ts';
import type { CarryReport } from '../../sync/carrier.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import { FileLock } from '../../base/fileLock.ts';
import { capabilitiesOf } from '../capabilities.ts';
import type {
  Environment,
  EnvironmentAccess,
  EnvironmentDetails,
  EnvironmentState,
  EnvironmentStatus,
  OpenResult,
  OperationOptions,
  Usage,
} from '../environment.ts';
import { OperationQueue } from '../operationQueue.ts';
import { chooseAcceleration, probeVirtualisation } from './acceleration.ts';
import { ignoredProperties } from '../properties.ts';
import { configHash } from './projectImage.ts';
import type { MachineRecord } from './record.ts';
import { stateOf } from './domainState.ts';
import { VmGuest, type VmServices } from './vmGuest.ts';

/** How long to wait for another window that works on the same machine, in milliseconds. */
const otherWindowMs = 60 * 60_000;

/** A project's VM. */
export class VmEnvironment implements Environment {
  readonly kind = 'vm';
  readonly project: Project;
  readonly #services: VmServices;
  readonly #queue = new OperationQueue();
  readonly #changed = new Emitter<EnvironmentStatus>();
  readonly onDidChangeStatus = this.#changed.event;
  readonly #guest: VmGuest;
  #status: EnvironmentStatus = statusOf('unknown');
  /** The operation under way, as a state; libvirt's own answer would flicker meanwhile. */
  #busy: EnvironmentState | undefined;
  #cpuSample: { run: string | undefined; ns: number; at: number } | undefined;

  constructor(project: Project, services: VmServices) {
    this.project = project;
    this.#services = services;
    this.#guest = new VmGuest(project, services, {
      onCreating: () => this.#setBusy('creating'),
      // Whatever ended the connection, libvirt knows what became of the machine.
      onDisconnected: () => void this.refresh(AbortSignal.timeout(30_000)),
    });
  }

  get sync(): LiveSync {
    return this.#guest.sync;
  }

  get status(): EnvironmentStatus {
    return this.#status;
  }

  async refresh(signal: AbortSignal): Promise<EnvironmentStatus> {
    try {
      const [info, record] = await Promise.all([this.#guest.machine.info(signal), this.#guest.record.read()]);
      const found = stateOf(info);
      if (!this.#busy) await this.#guest.noteState(found);
      const state = this.#busy ?? found;
      const startedAt =
        state === 'running' && record?.run && record.run.id === info?.run
          ? new Date(record.run.startedAt)
          : undefined;
      const drifted = info !== undefined && record !== undefined && (await this.#hasDrifted(record));
      const problem = state === 'running' ? this.#guest.hookProblem : undefined;
      this.#set({ ...statusOf(state), startedAt, drifted, problem });
    } catch (error) {
      if (!signal.aborted) {
        const problem = toSwitchyardError(error, l10n.t('The virtual machine cannot be asked.'));
        this.#set({ ...statusOf('unavailable'), problem });
      }
    }
    return this.#status;
  }

  async open(options: OperationOptions): Promise<OpenResult> {
    const { progress } = options;
    return this.#operate('starting', options, async (signal) => {
      // Nothing is changed by entering what runs, so nobody has to wait for another window.
      const entered = await this.#guest.enterRunning(progress, signal);
      return entered ?? this.#locked(progress, signal, () => this.#guest.open(progress, signal));
    });
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const { connection } = this.#guest;
    if (connection) return connection;
    return this.#queue.run(async (either) => {
      const record = await this.#guest.expectRecord();
      const info = await this.#guest.machine.info(either);
      if (info?.state !== 'running') throw this.#guest.notRunning();
      return this.#guest.connect(record, either);
    }, signal);
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
    return this.#guest.carry(settings, record, connection, options.progress, options.signal);
  }

  async stop(options: OperationOptions): Promise<void> {
    await this.#operate('stopping', options, async (signal) => {
      const info = await this.#guest.machine.info(signal);
      if (!info || stateOf(info) === 'stopped') return;
      options.progress.step(l10n.t('Stopping the virtual machine'));
      // To drop saved memory would be to pull the plug on what it has not written yet.
      if (stateOf(info) === 'suspended') await this.#guest.machine.start(info, signal);
      await this.#guest.endSync(signal);
      this.#guest.disconnect();
      await this.#guest.machine.stop(options.progress, signal);
    });
  }

  async suspend(options: OperationOptions): Promise<void> {
    await this.#operate('stopping', options, async (signal) => {
      const info = await this.#guest.machine.info(signal);
      if (!info || stateOf(info) !== 'running') return;
      options.progress.step(l10n.t('Suspending the virtual machine'));
      await this.#guest.suspend(signal);
    });
  }

  async rebuild(options: OperationOptions): Promise<OpenResult> {
    const { progress } = options;
    return this.#operate('creating', options, (signal) =>
      this.#locked(progress, signal, () => this.#guest.rebuild(progress, signal)),
    );
  }

  async destroy(options: OperationOptions): Promise<void> {
    await this.#operate('stopping', options, async (signal) => {
      const { progress } = options;
      progress.step(l10n.t('Removing the virtual machine'));
      await this.#locked(progress, signal, () => this.#guest.destroy(progress, signal));
    });
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
    return {
      engineName: record && this.#guest.machine.domain,
      image: record?.image,
      workspaceMode: settings.vm.workspace,
      workspaceFolder: record?.workspaceFolder,
      isolation: {
        kernel: 'own',
        kernelRelease: this.#status.state === 'running' ? await this.#kernel(signal) : undefined,
        rootIsHostRoot: false,
        acceleration:
          record?.acceleration ?? chooseAcceleration(settings.vm.acceleration, await probeVirtualisation()),
      },
      ports: readPorts(merged, false),
      ignored: ignoredProperties('vm', merged),
    };
  }

  async usage(signal: AbortSignal): Promise<Usage | undefined> {
    const [stats, record] = await Promise.all([this.#guest.machine.stats(signal), this.#guest.record.read()]);
    if (!stats || this.#status.state !== 'running') return undefined;
    const at = performance.now();
    const before = this.#cpuSample;
    const { cpuTimeNs, cpus } = stats;
    let cpuPercent: number | undefined;
    if (cpuTimeNs !== undefined && cpus !== undefined) {
      // Another run counts from nought again.
      if (before && cpuTimeNs >= before.ns && at > before.at) {
        const share = (cpuTimeNs - before.ns) / 1e6 / (at - before.at) / cpus;
        cpuPercent = Math.min(100, Math.max(0, share * 100));
      }
      this.#cpuSample = { run: record?.run?.id, ns: cpuTimeNs, at };
    }
    const box = record && (await this.#services.boxes.find(record.boxKey));
    return {
      cpuPercent,
      cpus,
      memoryBytes: stats.memoryBytes,
      memoryLimitBytes: stats.memoryLimitBytes,
      diskBytes: stats.diskBytes,
      diskBaseBytes: box?.diskBytes,
    };
  }

  dispose(): void {
    this.#queue.dispose();
    this.#guest.dispose();
    this.#changed.dispose();
  }

  async #kernel(signal: AbortSignal): Promise<string | undefined> {
    const { connection } = this.#guest;
    if (!connection) return undefined;
    const { stdout, code } = await run(connection, { argv: ['uname', '-r'], cwd: '/' }, signal);
    return code === 0 ? stdout.toString('utf8').trim() : undefined;
  }

  async #hasDrifted(record: MachineRecord): Promise<boolean> {
    try {
      return (await configHash(this.project)) !== record.configHash;
    } catch {
      // A config that cannot be read is said when it is needed.
      return false;
    }
  }

  /** One operation at a time; while it runs it is the state. */
  async #operate<T>(
    state: EnvironmentState,
    options: OperationOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#queue.run(async (signal) => {
      this.#setBusy(state);
      try {
        return await work(signal);
      } catch (error) {
        signal.throwIfAborted();
        throw toSwitchyardError(error, l10n.t('The virtual machine of {0}', this.project.name));
      } finally {
        this.#busy = undefined;
        await this.refresh(AbortSignal.timeout(30_000));
      }
    }, options.signal);
  }

  /** Only one window at a time makes, starts or removes the machine. */
  async #locked<T>(progress: Progress, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const lock = await FileLock.acquire(
      path.join(this.project.storage, 'vm.lock'),
      signal,
      otherWindowMs,
      () => progress.line(l10n.t('Another window works on this virtual machine.')),
    );
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }

  #setBusy(state: EnvironmentState): void {
    this.#busy = state;
    this.#set({ ...statusOf(state), drifted: this.#status.drifted });
  }

  #set(status: EnvironmentStatus): void {
    this.#status = status;
    this.#changed.fire(status);
  }
}

function statusOf(state: EnvironmentState): EnvironmentStatus {
  return {
    state,
    capabilities: capabilitiesOf(state, { canSuspend: true }),
    startedAt: undefined,
    problem: undefined,
    drifted: false,
  };
}
