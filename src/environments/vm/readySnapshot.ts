import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Command, Runner } from '../../base/process.ts';
import { silentProgress } from '../../base/progress.ts';
import { virshCommands } from '../../engines/virsh.ts';
import { toXml } from '../../engines/xml.ts';
import { virshError } from '../../engines/virshErrors.ts';
import type { KeptSnapshot } from '../environment.ts';
import type { Machine } from './machine.ts';
import type { MachineRecord } from './record.ts';
import { madeFile } from './renewal.ts';

/** What is known of a snapshot; written last, so that one without it does not count. */
interface ReadyFile {
  readonly version: 1;
  /** Of everything that decides what the machine is like; another one makes the snapshot void. */
  readonly key: string;
  readonly takenAt: string;
  /** Of memory and disk together. */
  readonly bytes: number;
  readonly record: MachineRecord;
  readonly pool: string;
}

/** What is copied along and put back, as it was at that moment: names in the machine's folder. */
const alongside = ['Vagrantfile', 'vagrant', madeFile, 'hooks.json'];

/**
 * Memory and disk of one machine as they were after the hooks of its creation, from which it is back in seconds
 * after a destroy. The disk as it was stays where it is, and the machine goes on with one that stands on it.
 */
export class ReadySnapshot {
  readonly #machine: Machine;
  readonly #machineFolder: string;
  readonly #folder: string;
  readonly #runner: Runner;
  readonly #log: Logger;

  /** @param folder the machine's own */
  constructor(parts: { machine: Machine; folder: string; runner: Runner; log: Logger }) {
    this.#machine = parts.machine;
    this.#machineFolder = parts.folder;
    this.#folder = path.join(parts.folder, 'ready');
    this.#runner = parts.runner;
    this.#log = parts.log;
  }

  /** Where the sync keeps what both sides agreed on at that moment. */
  get baselineFolder(): string {
    return path.join(this.#folder, 'baseline');
  }

  /** What there is; undefined where there is none. */
  async info(): Promise<KeptSnapshot | undefined> {
    const file = await this.#read();
    return file && { bytes: file.bytes, takenAt: new Date(file.takenAt) };
  }

  /** The record of the machine that it is of, where it still counts. */
  async usable(key: string): Promise<MachineRecord | undefined> {
    const file = await this.#read();
    if (!file || file.key === key) return file?.record;
    this.#log.info('The ready snapshot is of another configuration or another QEMU, and does not count.');
    return undefined;
  }

  /**
   * Takes it of the running machine, which runs on meanwhile. The signal is only looked at in between: libvirt has
   * no half of it.
   * @param keepBaseline copies what the sync knows; false where it does not hold still
   * @throws SwitchyardError `libvirt.*`; then there is no snapshot
   */
  async take(
    record: MachineRecord,
    key: string,
    keepBaseline: (folder: string) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<void> {
    const { domain, disks } = this.#machine;
    const { base, live } = disks;
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true });
    let pool: string | undefined;
    try {
      pool = await this.#explained(() => disks.poolOf(base, signal));
      const capacity =
        pool === undefined ? undefined : await this.#virsh(virshCommands.volumeCapacity(pool, base), signal);
      if (pool === undefined || capacity === undefined) throw noDisk(base);
      await writeFile(
        path.join(this.#folder, 'domain.xml'),
        await this.#virsh(virshCommands.definition(domain), signal),
        {
          mode: 0o600,
        },
      );
      for (const name of alongside)
        await this.#copy(path.join(this.#machineFolder, name), path.join(this.#folder, name));
      if (!(await keepBaseline(this.baselineFolder))) throw notStill();
      await this.#virsh(virshCommands.volumeOver(pool, live, base, capacity), signal);
      signal.throwIfAborted();
      const over = await this.#virsh(virshCommands.volumePath(pool, live), signal);
      await this.#virsh(virshCommands.keepMemory(domain, this.#memory, over));
      const [memory, disk] = await Promise.all([
        stat(this.#memory),
        this.#virsh(virshCommands.volumeBytes(pool, base)),
      ]);
      const bytes = memory.size + (disk ?? 0);
      const file: ReadyFile = { version: 1, key, takenAt: new Date().toISOString(), bytes, record, pool };
      await writeFile(path.join(this.#folder, 'ready.json'), JSON.stringify(file, undefined, 2), {
        mode: 0o600,
      });
    } catch (error) {
      await rm(this.#folder, { recursive: true, force: true });
      if (pool !== undefined) await this.#dropUnused(pool, live);
      throw error;
    }
  }

  /**
   * Brings the machine back, with its memory; there must be none. Where it fails there is none again.
   * @throws SwitchyardError `libvirt.*`
   */
  async restore(signal: AbortSignal): Promise<void> {
    const file = await this.#read();
    if (!file) throw noDisk(this.#folder);
    const { base, live } = this.#machine.disks;
    const xmlFile = path.join(this.#folder, 'restored.xml');
    try {
      const xml = await readFile(path.join(this.#folder, 'domain.xml'), 'utf8');
      const [[from, to]] = await Promise.all([
        this.#freshDisk(file.pool, base, live, signal),
        ...alongside.map((name) =>
          this.#copy(path.join(this.#folder, name), path.join(this.#machineFolder, name)),
        ),
      ]);
      await writeFile(xmlFile, withDisk(xml, from, to), { mode: 0o600 });
      await this.#virsh(virshCommands.define(xmlFile), signal);
      await this.#virsh(virshCommands.restore(this.#memory, xmlFile), signal);
    } catch (error) {
      await this.#machine.destroy(silentProgress, AbortSignal.timeout(60_000), 'disk');
      throw error;
    } finally {
      await rm(xmlFile, { force: true });
    }
  }

  /** Makes the disk that stands on the one as it was. @returns the paths of both */
  async #freshDisk(pool: string, base: string, live: string, signal: AbortSignal): Promise<[string, string]> {
    const known = await this.#virsh(virshCommands.volumes(pool), signal);
    if (known.includes(live)) await this.#virsh(virshCommands.volumeDelete(pool, live), signal);
    const capacity = await this.#virsh(virshCommands.volumeCapacity(pool, base), signal);
    await this.#virsh(virshCommands.volumeOver(pool, live, base, capacity ?? 0), signal);
    return Promise.all([
      this.#virsh(virshCommands.volumePath(pool, base), signal),
      this.#virsh(virshCommands.volumePath(pool, live), signal),
    ]);
  }

  /** Removes it. Its disk goes with the machine's own. */
  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #memory(): string {
    return path.join(this.#folder, 'memory');
  }

  async #read(): Promise<ReadyFile | undefined> {
    try {
      const file = JSON.parse(
        await readFile(path.join(this.#folder, 'ready.json'), 'utf8'),
      ) as Partial<ReadyFile>;
      if (file.version === 1 && file.record && file.pool !== undefined) return file as ReadyFile;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      this.#log.warn(`The ready snapshot cannot be read, and does not count: ${String(error)}`);
    }
    return undefined;
  }

  /** After a failure: what nobody runs on goes, whether the failure came before or after that was settled. */
  async #dropUnused(pool: string, volume: string): Promise<void> {
    try {
      const used = await this.#runner.run(virshCommands.xml(this.#machine.domain));
      const known = await this.#runner.run(virshCommands.volumes(pool));
      if (!known.includes(volume) || used.includes(`/${volume}'`)) return;
      await this.#runner.run(virshCommands.volumeDelete(pool, volume));
    } catch (error) {
      this.#log.warn(`${volume}: ${String(error)}`);
    }
  }

  async #copy(from: string, to: string): Promise<void> {
    try {
      await cp(from, to, { recursive: true, preserveTimestamps: true });
    } catch (error) {
      // No hook was run yet, say.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  async #virsh<T>(command: Command<T>, signal?: AbortSignal): Promise<T> {
    return this.#explained(() => this.#runner.run(command, { signal }));
  }

  async #explained<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw virshError(error, l10n.t('libvirt did not do what was asked of the virtual machine.'));
    }
  }
}

/** The definition with another disk, which says itself what it stands on. */
export function withDisk(xml: string, from: string, to: string): string {
  return xml.replaceAll(/<disk [^]*?<\/disk>/g, (disk) =>
    disk.includes(`file='${toXml(from)}'`)
      ? disk
          .replace(/<backingStore[^]*<\/backingStore>\s*/, '')
          .replace(`file='${toXml(from)}'`, () => `file='${toXml(to)}'`)
      : disk,
  );
}

function noDisk(what: string): SwitchyardError {
  return new SwitchyardError({
    code: 'libvirt.failed',
    what: l10n.t('The ready snapshot cannot be used.'),
    why: l10n.t('{0} is not there.', what),
    next: l10n.t('Rebuild the virtual machine.'),
    remedies: [{ do: 'rebuild', kind: 'vm' }],
  });
}

function notStill(): SwitchyardError {
  return new SwitchyardError({
    code: 'libvirt.failed',
    what: l10n.t('The ready snapshot was not taken.'),
    why: l10n.t('Another window keeps the workspace in sync.'),
    next: l10n.t('Rebuild the virtual machine to have one.'),
    remedies: [],
  });
}
