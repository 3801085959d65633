import type { Command, Runner } from '../../../base/process.ts';
import { virshCommands } from '../../../engines/virsh.ts';
import { isNoDomain } from '../../../engines/virshErrors.ts';

/** Where Vagrant's libvirt provider keeps disks by default; it is there once a machine is. */
const pool = 'default';

/**
 * The disks of a project's named volumes. They are no part of what Vagrant knows, so a machine that goes, or is
 * made anew, leaves them, as the engine leaves a volume; they have to be taken off a machine before Vagrant
 * destroys it, for it deletes every disk that it finds.
 */
export class VolumeDisks {
  readonly #runner: Runner;
  readonly #domain: string;
  readonly #prefix: string;
  /** Made by this process for a machine that is not finished. */
  readonly #fresh = new Set<string>();

  /** @param parts.prefix of the names of the disks, of this project alone */
  constructor(parts: { readonly runner: Runner; readonly domain: string; readonly prefix: string }) {
    this.#runner = parts.runner;
    this.#domain = parts.domain;
    this.#prefix = parts.prefix;
  }

  /** The names of the volumes that there are. */
  async list(signal: AbortSignal): Promise<readonly string[]> {
    if (!(await this.#run(virshCommands.pools(), signal)).includes(pool)) return [];
    const files = await this.#run(virshCommands.volumes(pool), signal);
    return files.flatMap((file) =>
      file.startsWith(this.#prefix) && file.endsWith(suffix)
        ? [file.slice(this.#prefix.length, -suffix.length)]
        : [],
    );
  }

  /**
   * Makes those disks that are not there yet, and plugs all of them into the machine, which runs.
   * @param bytes how much a new one can grow to
   */
  async attach(
    volumes: readonly { readonly name: string; readonly serial: string }[],
    bytes: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (volumes.length === 0) return;
    const known = await this.list(signal);
    let letter = 'b'.charCodeAt(0);
    const attached = new Set<string>();
    for (const { name, serial } of volumes) {
      // One volume may be mounted in several places; its disk is one.
      if (attached.has(serial)) continue;
      attached.add(serial);
      const file = this.#file(name);
      if (!known.includes(name)) {
        this.#fresh.add(file);
        await this.#run(virshCommands.diskCreate(pool, file, bytes), signal);
      }
      const path = await this.#run(virshCommands.volumePath(pool, file), signal);
      const device = `vd${String.fromCharCode(letter++)}`;
      await this.#run(virshCommands.attachDisk(this.#domain, { path, device, serial }), signal);
    }
  }

  /** The machine that they were made for is there to stay. */
  keep(): void {
    this.#fresh.clear();
  }

  /** Takes them off a machine that is off, whatever is left of it. */
  async detach(signal: AbortSignal): Promise<void> {
    let disks: readonly { readonly device: string; readonly path: string }[];
    try {
      disks = await this.#run(virshCommands.disks(this.#domain), signal);
    } catch (error) {
      if (isNoDomain(error)) return;
      throw error;
    }
    for (const { device, path } of disks) {
      if (!path.includes(`/${this.#prefix}`)) continue;
      await this.#run(virshCommands.detachDisk(this.#domain, device), signal);
    }
  }

  /** Deletes what was made for a machine that came to nothing. */
  async dropFresh(signal: AbortSignal): Promise<void> {
    if (this.#fresh.size === 0) return;
    const there = await this.#run(virshCommands.volumes(pool), signal);
    for (const file of this.#fresh) {
      if (there.includes(file)) await this.#run(virshCommands.volumeDelete(pool, file), signal);
    }
    this.#fresh.clear();
  }

  /** Deletes all of them for good. The machine has to be gone. */
  async remove(signal: AbortSignal): Promise<void> {
    for (const name of await this.list(signal)) {
      await this.#run(virshCommands.volumeDelete(pool, this.#file(name)), signal);
    }
  }

  #file(name: string): string {
    return `${this.#prefix}${name}${suffix}`;
  }

  #run<T>(command: Command<T>, signal: AbortSignal): Promise<T> {
    return this.#runner.run(command, { signal });
  }
}

const suffix = '.qcow2';
