import path from 'node:path';
import type { Command, Runner } from '../../base/process.ts';
import { virshCommands } from '../../engines/virsh.ts';

/** What the disk of a machine is made of. */
export interface DiskOrigin {
  readonly pool: string;
  /** The volume of the box, in the same pool. */
  readonly box: string;
  readonly capacityBytes: number;
}

/** The volumes that a machine itself stands on, beside those of its named volumes. */
export class MachineDisks {
  /** The one that Vagrant makes as the domain's disk. */
  readonly base: string;
  /** The one that holds what changed since the ready snapshot, where there is one. */
  readonly live: string;
  readonly #runner: Runner;

  constructor(runner: Runner, domain: string) {
    this.#runner = runner;
    this.base = `${domain}.img`;
    this.live = `${domain}-live.img`;
  }

  /** The storage pool that has a volume of this name. @throws CommandFailed */
  async poolOf(volume: string, signal: AbortSignal): Promise<string | undefined> {
    for (const pool of await this.#run(virshCommands.pools(), signal)) {
      if ((await this.#run(virshCommands.volumes(pool), signal)).includes(volume)) return pool;
    }
    return undefined;
  }

  /** What the disk was made of; undefined where not all of it is as Vagrant makes it. @throws CommandFailed */
  async origin(signal: AbortSignal): Promise<DiskOrigin | undefined> {
    const pool = await this.poolOf(this.base, signal);
    if (pool === undefined) return undefined;
    const { capacityBytes, backing } = await this.#run(virshCommands.volume(pool, this.base), signal);
    if (backing === undefined) return undefined;
    const box = path.posix.basename(backing);
    if (!box.includes('_vagrant_box_image_')) return undefined;
    if (!(await this.#run(virshCommands.volumes(pool), signal)).includes(box)) return undefined;
    const isThat = (await this.#run(virshCommands.volumePath(pool, box), signal)) === backing;
    return isThat ? { pool, box, capacityBytes } : undefined;
  }

  /**
   * Puts an empty one in its place, under the same name. The machine has to be off. It is not cancelled halfway:
   * Vagrant does not know how to remove a machine without its disk.
   * @throws CommandFailed
   */
  async exchange({ pool, box, capacityBytes }: DiskOrigin): Promise<void> {
    await this.remove(new AbortController().signal);
    await this.#runner.run(virshCommands.volumeOver(pool, this.base, box, capacityBytes));
  }

  /**
   * Deletes them. The machine has to be off.
   * @param keep `disk`: the one that the ready snapshot is of stays
   * @throws CommandFailed
   */
  async remove(signal: AbortSignal, keep?: 'disk'): Promise<void> {
    // First what stands on the other.
    for (const volume of [this.live, ...(keep ? [] : [this.base])]) {
      const pool = await this.poolOf(volume, signal);
      if (pool !== undefined) await this.#run(virshCommands.volumeDelete(pool, volume), signal);
    }
  }

  #run<T>(command: Command<T>, signal: AbortSignal): Promise<T> {
    return this.#runner.run(command, { signal });
  }
}
