import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../base/log.ts';
import type { Command, Runner } from '../../base/process.ts';
import { virshCommands } from '../../engines/virsh.ts';
import { toXml } from '../../engines/xml.ts';
import type { DirectBoot } from './image/directBoot.ts';
import type { DiskOrigin, MachineDisks } from './machineDisks.ts';

/** Keeps what Vagrant made, in the machine's folder. */
export const madeFile = 'made.json';

/** What is kept of a machine that Vagrant made. */
interface Made {
  readonly version: 1;
  /** The domain's, as Vagrant left it. */
  readonly definition: string;
  /** Of the private key that opens it: a box that was built anew under the same name has another one. */
  readonly key: string;
}

/** What a machine is to be made of. */
export interface Wanted {
  readonly vagrantfile: string;
  readonly directBoot: DirectBoot | undefined;
  /** Undefined: Vagrant puts one of its own onto the disk, and a fresh disk would lack it. */
  readonly privateKeyFile: string | undefined;
}

/**
 * A machine made anew without Vagrant, which takes seconds to remove one and to make another: where that would come
 * out the same, its disk is all that has to go.
 */
export class Renewal {
  readonly #domain: string;
  readonly #disks: MachineDisks;
  readonly #folder: string;
  /** Vagrant's word for the machine: the domain's UUID. */
  readonly #idFile: string;
  readonly #consoleFile: string | undefined;
  readonly #runner: Runner;
  readonly #log: Logger;

  /** @param parts.folder the machine's own */
  constructor(parts: {
    domain: string;
    disks: MachineDisks;
    folder: string;
    idFile: string;
    consoleFile: string | undefined;
    runner: Runner;
    log: Logger;
  }) {
    this.#domain = parts.domain;
    this.#disks = parts.disks;
    this.#folder = parts.folder;
    this.#idFile = parts.idFile;
    this.#consoleFile = parts.consoleFile;
    this.#runner = parts.runner;
    this.#log = parts.log;
  }

  /** Keeps what a renewal goes back to; to be called when Vagrant made it. Without it there is none. */
  async note({ privateKeyFile }: Wanted, signal: AbortSignal): Promise<void> {
    if (privateKeyFile === undefined) return;
    try {
      const definition = await this.#run(virshCommands.definition(this.#domain), signal);
      const made: Made = { version: 1, definition, key: await digest(privateKeyFile) };
      await writeFile(this.#file(madeFile), JSON.stringify(made, undefined, 2), { mode: 0o600 });
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn(`The next rebuild has Vagrant make the machine: ${String(error)}`);
    }
  }

  async forget(): Promise<void> {
    await rm(this.#file(madeFile), { force: true });
  }

  /**
   * Starts the machine on an empty disk, as Vagrant would have made it.
   * @returns false where Vagrant has to make it: whatever is there then has to be removed
   */
  async renew(wanted: Wanted, signal: AbortSignal): Promise<boolean> {
    try {
      const from = await this.#from(wanted, signal);
      if (!from) return false;
      await this.#endRun(signal);
      if (this.#consoleFile !== undefined) await rm(this.#consoleFile, { force: true });
      await this.#disks.exchange(from.origin);
      await writeFile(this.#file('Vagrantfile'), wanted.vagrantfile);
      await this.#define(from.definition, signal);
      await this.#run(virshCommands.start(this.#domain), signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn(`Vagrant makes the machine, whose disk alone was to go: ${String(error)}`);
      return false;
    }
  }

  /** What it can be made from; undefined where it would come out as another one. Changes nothing. */
  async #from(
    wanted: Wanted,
    signal: AbortSignal,
  ): Promise<{ definition: string; origin: DiskOrigin } | undefined> {
    const made = await this.#made();
    if (!made || wanted.privateKeyFile === undefined) return undefined;
    if (made.key !== (await digest(wanted.privateKeyFile))) return undefined;
    const [vagrantfile, id] = await Promise.all([this.#read('Vagrantfile'), readFile(this.#idFile, 'utf8')]);
    if (!isSameButBoot(vagrantfile, wanted.vagrantfile)) return undefined;
    const definition = withBoot(made.definition, wanted.directBoot);
    // Somebody else may have made another one of this name, or Vagrant may know another one.
    const { uuid } = await this.#run(virshCommands.domainInfo(this.#domain), signal);
    if (!definition?.includes(`<uuid>${uuid}</uuid>`) || id.trim() !== uuid) return undefined;
    // They are of the disk that goes.
    if ((await this.#run(virshCommands.snapshots(this.#domain), signal)).length > 0) return undefined;
    const origin = await this.#disks.origin(signal);
    return origin && { definition, origin };
  }

  async #endRun(signal: AbortSignal): Promise<void> {
    const { managedSave, state } = await this.#run(virshCommands.domainInfo(this.#domain), signal);
    if (managedSave) await this.#run(virshCommands.managedSaveRemove(this.#domain), signal);
    if (state !== 'shut off') await this.#run(virshCommands.destroy(this.#domain), signal);
  }

  /** Whatever was plugged in since is off again. */
  async #define(definition: string, signal: AbortSignal): Promise<void> {
    const file = this.#file('renewed.xml');
    try {
      await writeFile(file, definition, { mode: 0o600 });
      await this.#run(virshCommands.define(file), signal);
    } finally {
      await rm(file, { force: true });
    }
  }

  async #made(): Promise<Made | undefined> {
    try {
      const made = JSON.parse(await this.#read(madeFile)) as Partial<Made>;
      const { version, definition, key } = made;
      if (version === 1 && definition !== undefined && key !== undefined) return { version, definition, key };
    } catch (error) {
      // Of a version before, say.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return undefined;
  }

  #read(name: string): Promise<string> {
    return readFile(this.#file(name), 'utf8');
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }

  #run<T>(command: Command<T>, signal: AbortSignal): Promise<T> {
    return this.#runner.run(command, { signal });
  }
}

/** Whether two Vagrantfiles of ours differ in no more than which kernel boots with what. */
export function isSameButBoot(one: string, other: string): boolean {
  const bootless = (text: string): string =>
    text.replaceAll(/^( *libvirt\.(?:kernel|initrd|cmd_line) = ).*$/gm, '$1');
  return bootless(one) === bootless(other);
}

/**
 * The definition with another kernel.
 * @returns undefined where only one of both boots from its disk
 * @see https://libvirt.org/formatdomain.html#direct-kernel-boot
 */
export function withBoot(xml: string, boot: DirectBoot | undefined): string | undefined {
  if (!boot) return xml.includes('<kernel>') ? undefined : xml;
  let changed = xml;
  const parts = { kernel: boot.kernel, initrd: boot.initrd, cmdline: boot.commandLine };
  for (const [name, text] of Object.entries(parts)) {
    const element = new RegExp(`<${name}>[^<]*</${name}>`);
    if (!element.test(changed)) return undefined;
    changed = changed.replace(element, () => `<${name}>${toXml(text)}</${name}>`);
  }
  return changed;
}

async function digest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
