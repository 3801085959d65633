import * as l10n from '@vscode/l10n';
import { withDeadline } from '../../base/abort.ts';
import type { Logger } from '../../base/log.ts';
import { silentProgress, type Progress } from '../../base/progress.ts';
import type { Project } from '../../config/project.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import type { OpenResult } from '../environment.ts';
import type { MachineEntry } from './machineEntry.ts';
import { planOf } from './mounts/vmMounts.ts';
import type { OwnSource } from './ownMachine.ts';
import type { Prepared } from './prepareMachine.ts';
import { prepareOwn, type SourceParts } from './prepareSource.ts';
import type { ProjectMachine } from './projectMachine.ts';
import { wakeFromSnapshot } from './readyGuest.ts';
import { snapshotHindrance, type ReadyKeeper } from './readyKeeper.ts';
import type { ReadySnapshot } from './readySnapshot.ts';
import type { MachineRecord, RecordFile } from './record.ts';
import type { VmAccess } from './vmAccess.ts';
import type { VmHooks } from './vmHooks.ts';
import { writeOut } from './writeOut.ts';

/** How long a machine may take to answer after it came back from a snapshot, in milliseconds. */
const restoreMs = 120_000;

/** Bound on tidying up after something that was cancelled or failed, in milliseconds. */
const tidyMs = 180_000;

/**
 * How a project's machine comes to be and how it goes. What is half-made when something fails is taken away; a
 * machine that was there before us is only forgotten.
 */
export class MachineMaker {
  readonly #project: Project;
  readonly #machine: ProjectMachine;
  readonly #record: RecordFile;
  readonly #hooks: VmHooks;
  readonly #access: VmAccess;
  readonly #entry: MachineEntry;
  readonly #sync: LiveSync;
  readonly #ready: ReadySnapshot;
  readonly #keeper: ReadyKeeper;
  readonly #sources: SourceParts;
  readonly #onCreating: () => void;
  readonly #log: Logger;

  /** @param parts `onCreating`: told when a machine begins to be brought back from its snapshot */
  constructor(parts: {
    project: Project;
    machine: ProjectMachine;
    record: RecordFile;
    hooks: VmHooks;
    access: VmAccess;
    entry: MachineEntry;
    sync: LiveSync;
    ready: ReadySnapshot;
    keeper: ReadyKeeper;
    sources: SourceParts;
    onCreating: () => void;
    log: Logger;
  }) {
    this.#project = parts.project;
    this.#machine = parts.machine;
    this.#record = parts.record;
    this.#hooks = parts.hooks;
    this.#access = parts.access;
    this.#entry = parts.entry;
    this.#sync = parts.sync;
    this.#ready = parts.ready;
    this.#keeper = parts.keeper;
    this.#sources = parts.sources;
    this.#onCreating = parts.onCreating;
    this.#log = parts.log;
  }

  /** From what is prepared to a machine that is entered. @throws SwitchyardError; then there is none, or it is ready */
  async create(
    settings: SwitchyardSettings,
    prepared: Prepared,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<OpenResult> {
    try {
      await this.#record.write(prepared.record);
      progress.step(l10n.t('Making the virtual machine'));
      const ready = await this.#makeReady(prepared, progress, signal);
      const { cached } = prepared;
      const start = { how: 'create', warmCache: cached } as const;
      const whenCreated = this.#canBeKept(settings, ready)
        ? this.#keeper.whenCreated(settings.vm)
        : undefined;
      const entered = await this.#entry.enter(settings, ready, start, { progress, signal, whenCreated });
      this.#machine.generated.volumes.keep();
      return entered;
    } catch (error) {
      const made = await this.#record.read();
      // Once it was ready it is kept: what failed afterwards (the workspace, say) can be tried again.
      if (made?.phase === 'ready' && !signal.aborted) {
        this.#machine.generated.volumes.keep();
        throw error;
      }
      if (prepared.found) await this.forget();
      else await this.remove(silentProgress, AbortSignal.timeout(tidyMs));
      throw error;
    }
  }

  /** From its ready snapshot; undefined where there is none that counts, or it does not come up. */
  async restore(
    settings: SwitchyardSettings,
    left: boolean,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<OpenResult | undefined> {
    const record = await this.#keeper.usable(settings.vm, signal);
    if (!record) return undefined;
    this.#onCreating();
    progress.step(l10n.t('Restoring the virtual machine'));
    await this.#hooks.initialize(record.merged, { progress, signal });
    let isAwake: Promise<boolean> | undefined;
    try {
      if (left) await this.remove(progress, signal, 'disk');
      await this.#sync.takeBaseline(this.#ready.baselineFolder);
      // What a crash leaves in between is half-made, and ours.
      await this.#record.write({ ...record, phase: 'creating' });
      await this.#ready.restore(signal);
      await this.#record.write(record);
      const connection = await this.#access.connect(record, withDeadline(signal, restoreMs));
      const wake = wakeFromSnapshot(connection, withDeadline(signal, restoreMs));
      isAwake = wake.then(
        () => true,
        () => false,
      );
      const start = { how: 'restore', warmCache: true } as const;
      return await this.#entry.enter(settings, record, start, { progress, signal, wake });
    } catch (error) {
      // Whatever goes wrong in a machine that is awake is nothing of the snapshot's.
      if (await isAwake) throw error;
      await this.remove(silentProgress, AbortSignal.timeout(tidyMs), 'disk');
      signal.throwIfAborted();
      this.#log.warn(`The ready snapshot does not come up; making it anew: ${String(error)}`);
      return undefined;
    }
  }

  /** From its own Vagrantfile a machine starts as that and the config are now, not as they were. */
  async startOwn(
    settings: SwitchyardSettings,
    record: MachineRecord,
    own: OwnSource,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<OpenResult> {
    this.#entry.disconnect();
    const options = { progress, signal };
    const wanted = { type: 'vagrantfile', ...own } as const;
    const prepared = await prepareOwn(this.#project, settings, wanted, this.#sources, options, record);
    const ready = await this.#makeReady(prepared, progress, signal);
    return this.#entry.enter(settings, ready, { how: 'start', warmCache: true }, { progress, signal });
  }

  /** A machine that was there before us stays; what is known of it goes. */
  async forget(): Promise<void> {
    await this.#hooks.end();
    this.#entry.disconnect();
    await this.#record.remove();
  }

  /**
   * Removes the machine and what is recorded of it; the box stays.
   * @param keep `disk`: the ready snapshot stays as well
   */
  async remove(progress: Progress, signal: AbortSignal, keep?: 'disk'): Promise<void> {
    await this.#leave(signal);
    // What both sides agreed on last is not what its disk holds when it comes back.
    if (keep) await this.#sync.takeBaseline(undefined);
    await this.#machine.destroy(progress, signal, keep);
    await this.#record.remove();
    if (!keep) await this.#ready.remove();
  }

  /** Leaves the machine, as it is, to what is made over it; where that comes to nothing, the next open makes it anew. */
  async giveUp(signal: AbortSignal): Promise<void> {
    await this.#leave(signal);
    const record = await this.#record.read();
    if (record) await this.#record.write({ ...record, phase: 'creating' });
    await this.#ready.remove();
  }

  async #leave(signal: AbortSignal): Promise<void> {
    await this.#hooks.end();
    await this.#flushVolumes(signal);
    // Its end is no trouble of the sync's; what there was to bring back was brought back before.
    await this.#sync.detach(AbortSignal.abort());
    this.#entry.disconnect();
  }

  /** What it has not written yet goes with its power, and its named volumes stay. */
  async #flushVolumes(signal: AbortSignal): Promise<void> {
    const { connection } = this.#access;
    const record = await this.#record.read();
    if (!connection || !record) return;
    try {
      if (!planOf(this.#project.folder, record).mounts.some(({ how }) => how === 'disk')) return;
      // The connection may not have heard that its end is gone.
      if ((await this.#machine.info(signal))?.state !== 'running') return;
      await writeOut(connection, 'what its volumes were given last', this.#log, signal);
    } catch (error) {
      // One that does not answer goes all the same.
      this.#log.warn(`Its volumes may lack what was written last: ${String(error)}`);
    }
  }

  #canBeKept({ vm }: SwitchyardSettings, ready: MachineRecord): boolean {
    return vm.readySnapshot && snapshotHindrance(this.#project.folder, ready) === undefined;
  }

  /** From what is prepared to a machine that runs and can be worked in. */
  async #makeReady(prepared: Prepared, progress: Progress, signal: AbortSignal): Promise<MachineRecord> {
    const made = await prepared.make({ progress, signal, over: prepared.over ?? false });
    await this.#record.write(made);
    const connection = await this.#access.connect({ ...made, phase: 'creating' }, signal);
    try {
      progress.step(l10n.t('Preparing the virtual machine'));
      const setUp = await prepared.setUp(connection, made, signal);
      const { address, port } = (await this.#record.read()) ?? {};
      const at = address ? { address, ...(port === undefined ? {} : { port }) } : {};
      const ready: MachineRecord = { ...setUp, ...at, phase: 'ready' };
      await writeOut(connection, 'what the machine was prepared with', this.#log, signal);
      await this.#record.write(ready);
      return ready;
    } finally {
      connection.dispose();
    }
  }
}
