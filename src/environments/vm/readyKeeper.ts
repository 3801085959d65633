import * as l10n from '@vscode/l10n';
import { withDeadline } from '../../base/abort.ts';
import type { Logger } from '../../base/log.ts';
import type { Runner } from '../../base/process.ts';
import type { Progress } from '../../base/progress.ts';
import type { Project } from '../../config/project.ts';
import type { VmSettings } from '../../config/settings.ts';
import type { Connection } from '../../connections/connection.ts';
import { virshCommands } from '../../engines/virsh.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import { chooseAcceleration } from './acceleration.ts';
import { recipeKey } from './image/boxBuilder.ts';
import { families } from './image/family.ts';
import type { BoxStore } from './image/boxStore.ts';
import { contentKey } from './image/keys.ts';
import { configHash } from './projectImage.ts';
import { prepareForSnapshot, untilCalm } from './readyGuest.ts';
import { planOf } from './mounts/vmMounts.ts';
import type { EntryOptions } from './machineEntry.ts';
import type { MachineHost } from './machineHost.ts';
import type { ReadySnapshot } from './readySnapshot.ts';
import type { MachineRecord } from './record.ts';

/** Bound on sending the last changes of the workspace before the snapshot, in milliseconds. */
const lastChangesMs = 20_000;

/** Why no ready snapshot is taken of this machine, for a person; undefined where nothing is in the way. */
export function snapshotHindrance(folder: string, record: MachineRecord): string | undefined {
  if (record.own !== undefined || record.login !== undefined) {
    return l10n.t('It is kept of machines that are made of the image.');
  }
  if (record.host !== undefined) {
    return l10n.t('Its memory would be a file of {0}, which nobody here can keep.', record.host);
  }
  if (planOf(folder, record).mounts.some(({ how }) => how === 'disk')) {
    return l10n.t('Memory that knows a volume as it was once would write over what the volume is by then.');
  }
  return undefined;
}

/** When a machine's ready snapshot is taken, and whether it still counts. */
export class ReadyKeeper {
  readonly #project: Project;
  readonly #snapshot: ReadySnapshot;
  readonly #sync: LiveSync;
  readonly #runner: Runner;
  readonly #boxes: BoxStore;
  readonly #host: MachineHost;
  readonly #log: Logger;
  #taking: Promise<void> = Promise.resolve();

  constructor(parts: {
    project: Project;
    snapshot: ReadySnapshot;
    sync: LiveSync;
    runner: Runner;
    boxes: BoxStore;
    host: MachineHost;
    log: Logger;
  }) {
    this.#project = parts.project;
    this.#snapshot = parts.snapshot;
    this.#sync = parts.sync;
    this.#runner = parts.runner;
    this.#boxes = parts.boxes;
    this.#host = parts.host;
    this.#log = parts.log;
  }

  /** Resolves when none is being taken; it never rejects. */
  get settled(): Promise<void> {
    return this.#taking;
  }

  /** The record of the machine that can be brought back; undefined where none is wanted, or none counts. */
  async usable(settings: VmSettings, signal: AbortSignal): Promise<MachineRecord | undefined> {
    if (!settings.readySnapshot || !(await this.#snapshot.info())) return undefined;
    const record = await this.#snapshot.usable(await this.#key(settings, signal));
    if (!record || !(await this.#boxes.find(record.boxKey))) return undefined;
    // Its run will be another one, in which its kernel goes on where it was.
    return record.run ? { ...record, run: { id: '', boot: record.run.boot } } : record;
  }

  /** Makes what takes it when the hooks of a creation went well. */
  whenCreated(settings: VmSettings): EntryOptions['whenCreated'] {
    return (record, connection) => (progress, signal) =>
      this.take(settings, record, connection, progress, signal);
  }

  /** Takes it, once the hooks of a creation are over. That it cannot does no harm to the machine, and is logged. */
  async take(
    settings: VmSettings,
    record: MachineRecord,
    connection: Connection,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void> {
    progress.step(l10n.t('Taking the ready snapshot'));
    try {
      const key = await this.#key(settings, signal);
      await untilCalm(connection, signal);
      const taking = this.#takeNow(record, key, connection, signal);
      // Who waits for `settled` waits for its end alone; how it went is told below.
      this.#taking = taking.catch(() => undefined);
      await taking;
    } catch (error) {
      this.#log.warn(`There is no ready snapshot: ${String(error)}`);
    }
  }

  async #takeNow(
    record: MachineRecord,
    key: string,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#sync.hold(withDeadline(signal, lastChangesMs));
      await prepareForSnapshot(connection, this.#log, signal);
      await this.#snapshot.take(record, key, (folder) => this.#sync.keepBaseline(folder), signal);
    } finally {
      this.#sync.letGo();
    }
  }

  /** Of everything that decides what a new machine would be like, and whether QEMU can read the memory. */
  async #key(settings: VmSettings, signal: AbortSignal): Promise<string> {
    const { cpus, memoryBytes, diskBytes } = settings;
    const { type } = chooseAcceleration(settings.acceleration, await this.#host.virtualisation(signal));
    const { hypervisor, libvirt } = await this.#runner.run(virshCommands.version(), { signal });
    const sizes = [cpus, memoryBytes, diskBytes].map(String);
    const recipes = families.map((family) => recipeKey(family, type));
    return contentKey(await configHash(this.#project), ...recipes, ...sizes, hypervisor, libvirt);
  }
}
