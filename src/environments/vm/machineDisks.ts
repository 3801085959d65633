import type { Command, Runner } from '../../base/process.ts';
import { virshCommands } from '../../engines/virsh.ts';

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
