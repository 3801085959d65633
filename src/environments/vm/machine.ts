import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Command, Runner } from '../../base/process.ts';
import { silentProgress, type Progress } from '../../base/progress.ts';
import { vagrantCommands, type VagrantPlace } from '../../engines/vagrant.ts';
import { virshCommands } from '../../engines/virsh.ts';
import type { DomainInfo, DomainStats } from '../../engines/virshAnswers.ts';
import { isNoDomain, virshError } from '../../engines/virshErrors.ts';
import { bootFailure, noAnswer } from './bootFailure.ts';
import { abortDeaf } from './deafMachine.ts';
import { forwardedPort } from './forwardedPort.ts';
import type { MachineAddress } from './machineAddress.ts';
import { lastOfConsole } from './machineConsole.ts';
import { MachineDisks } from './machineDisks.ts';
import type { MachineHost } from './machineHost.ts';
import { VolumeDisks } from './mounts/volumeDisks.ts';
import { ensureNetwork } from './network.ts';
import { powerOff } from './powerOff.ts';
import { Renewal } from './renewal.ts';
import { runVagrant } from './runVagrant.ts';
import { vagrantfile, type VagrantfileInput } from './vagrantfile.ts';

/** The name of the one machine in a generated Vagrantfile. */
export const machineName = 'vm';

/** Bounds in milliseconds. */
export interface MachineTimeouts {
  /** From power-on to SSH. Software emulation on a busy computer is slow. */
  readonly bootMs: number;
  /** How long a guest may take to power off when asked, before the plug is pulled. */
  readonly shutdownMs: number;
  /** How long to wait for another process that works on the same machine. */
  readonly lockMs: number;
}

export const defaultTimeouts: MachineTimeouts = { bootMs: 300_000, shutdownMs: 60_000, lockMs: 60_000 };

/**
 * One project's virtual machine: Vagrant makes and destroys it, libvirt does and answers everything else
 * (every Vagrant call costs a second before it does anything). Vagrant asks libvirt for the state itself,
 * so it stays right.
 */
export class Machine {
  readonly domain: string;
  /** Where it writes what it prints; undefined where libvirt writes no file of this computer. */
  readonly consoleFile: string | undefined;
  readonly #folder: string;
  readonly place: VagrantPlace;
  readonly disks: MachineDisks;
  readonly volumes: VolumeDisks;
  readonly #renewal: Renewal;
  readonly #runner: Runner;
  readonly #host: MachineHost;
  readonly #log: Logger;
  readonly #timeouts: MachineTimeouts;
  readonly #prefix: string;

  /** @param folder absolute path of a folder outside the workspace, for this machine alone */
  constructor(parts: {
    projectId: string;
    folder: string;
    runner: Runner;
    host: MachineHost;
    log: Logger;
    timeouts: MachineTimeouts;
  }) {
    const { mark } = parts.host;
    this.#prefix = `switchyard-${parts.projectId}-${mark === undefined ? '' : `${mark}-`}`;
    this.domain = `${this.#prefix}${machineName}`;
    this.#folder = parts.folder;
    this.place = { cwd: parts.folder, dotfilePath: path.join(parts.folder, 'vagrant') };
    this.consoleFile = parts.host.ssh ? undefined : path.join(parts.folder, 'console.log');
    this.#runner = parts.runner;
    this.#host = parts.host;
    this.disks = new MachineDisks(parts.runner, this.domain);
    this.volumes = new VolumeDisks({
      runner: parts.runner,
      domain: this.domain,
      prefix: `${this.#prefix}volume-`,
    });
    const { domain, disks, consoleFile } = this;
    const idFile = path.join(parts.folder, 'vagrant', 'machines', machineName, 'libvirt', 'id');
    this.#renewal = new Renewal({ ...parts, domain, disks, consoleFile, idFile });
    this.#log = parts.log;
    this.#timeouts = parts.timeouts;
  }

  /** What libvirt knows of it; undefined where it does not exist. @throws SwitchyardError `libvirt.*` */
  async info(signal: AbortSignal): Promise<DomainInfo | undefined> {
    try {
      return await this.#runner.run(virshCommands.domainInfo(this.domain), { signal });
    } catch (error) {
      if (isNoDomain(error)) return undefined;
      throw virshError(error, l10n.t('The state of the virtual machine is not known.'));
    }
  }

  /** @throws SwitchyardError */
  async stats(signal: AbortSignal): Promise<DomainStats | undefined> {
    try {
      return await this.#runner.run(virshCommands.stats(this.domain), { signal });
    } catch (error) {
      if (isNoDomain(error)) return undefined;
      throw virshError(error, l10n.t('The figures of the virtual machine are not known.'));
    }
  }

  /** Its IPv4 address, once it has one, or the port of this computer that is passed on to it. */
  async address(signal: AbortSignal): Promise<MachineAddress | undefined> {
    if (this.#host.isSession) {
      return this.#explained(() => forwardedPort(this.#runner, this.domain, signal));
    }
    const [host] = await this.#virsh(virshCommands.addresses(this.domain), signal);
    return host === undefined ? undefined : { host };
  }

  /**
   * Makes the machine and boots it. Where that fails nothing is left but the console log.
   * @param over whether the one before is still there, of which is kept what would come out the same
   */
  async create(
    input: Omit<
      VagrantfileInput,
      'domainPrefix' | 'machine' | 'uri' | 'consoleFile' | 'bootSeconds' | 'network'
    >,
    progress: Progress,
    signal: AbortSignal,
    over = false,
  ): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const where = { folder: this.#folder, isElsewhere: this.#host.ssh !== undefined };
    const network = this.#host.isSession ? undefined : await ensureNetwork(this.#runner, where, signal);
    const wanted = {
      directBoot: input.directBoot,
      privateKeyFile: input.login?.privateKeyFile,
      vagrantfile: vagrantfile({
        ...input,
        network,
        uri: this.#host.uri,
        domainPrefix: this.#prefix,
        machine: machineName,
        consoleFile: this.consoleFile,
        bootSeconds: Math.ceil(this.#timeouts.bootMs / 1000),
      }),
    };
    if (over && (await this.#renewal.renew(wanted, signal))) {
      progress.line(l10n.t('It begins on an empty disk; all else is as it was.'));
    } else {
      if (over) await this.destroy(progress, signal);
      await this.#up(wanted.vagrantfile, network !== undefined, progress, signal);
      await this.#renewal.note(wanted, signal);
    }
    // Without it libvirt's memory figures stand still.
    await this.#virsh(virshCommands.reportMemory(this.domain, 2), signal);
  }

  /** Has Vagrant make it. @param hasNetwork without one Vagrant waits for no address, nor for the machine */
  async #up(text: string, hasNetwork: boolean, progress: Progress, signal: AbortSignal): Promise<void> {
    if (this.consoleFile !== undefined) await rm(this.consoleFile, { force: true });
    await writeFile(path.join(this.#folder, 'Vagrantfile'), text);
    const what = l10n.t('The virtual machine could not be made.');
    const deaf = new AbortController();
    const over = new AbortController();
    const bounded = AbortSignal.any([signal, deaf.signal]);
    const watched = { timeoutMs: this.#timeouts.bootMs, log: this.#log };
    const watching = hasNetwork && abortDeaf(this, deaf, watched, AbortSignal.any([bounded, over.signal]));
    try {
      await this.#vagrant(vagrantCommands.up(this.place, machineName, 'libvirt'), what, progress, bounded);
    } catch (error) {
      const console = await this.console();
      await this.destroy(silentProgress, AbortSignal.timeout(180_000));
      signal.throwIfAborted();
      // It did not wait for the machine, so what it says is about something else.
      if (!hasNetwork) throw error;
      throw deaf.signal.aborted ? noAnswer('address', console, error) : bootFailure(error, console);
    } finally {
      over.abort();
      await watching;
    }
  }

  /** Starts it from a halt, or with its memory where that was saved. */
  async start(info: DomainInfo, signal: AbortSignal): Promise<void> {
    const command = info.state === 'paused' ? virshCommands.resume : virshCommands.start;
    await this.#virsh(command(this.domain), signal);
  }

  /** Memory goes to disk. Cancelling leaves it running. */
  async suspend(signal: AbortSignal): Promise<void> {
    await this.#virsh(virshCommands.managedSave(this.domain), signal);
  }

  /** Asks it to power off, and pulls the plug where it does not. */
  async stop(progress: Progress, signal: AbortSignal): Promise<void> {
    const { shutdownMs } = this.#timeouts;
    const isOff = await powerOff(
      {
        isOff: async () => ((await this.info(signal))?.state ?? 'shut off') === 'shut off',
        ask: () => this.#virsh(virshCommands.shutdown(this.domain), signal),
      },
      shutdownMs,
      signal,
    );
    if (isOff) return;
    progress.line(l10n.t('It did not power off in {0} s; pulling the plug.', shutdownMs / 1000));
    await this.#virsh(virshCommands.destroy(this.domain), signal);
  }

  /** Plugs the disks of named volumes into it while it runs; it has them from then on. */
  async attachVolumes(
    volumes: readonly { readonly name: string; readonly serial: string }[],
    bytes: number,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#withVolumes((disks) => disks.attach(volumes, bytes, signal));
  }

  /** Deletes the disks of its volumes for good. The machine has to be gone. */
  async removeVolumes(signal: AbortSignal): Promise<void> {
    await this.#withVolumes((disks) => disks.remove(signal));
  }

  /**
   * Removes the domain with its disk and all that Vagrant knows of it, in whatever state they are. Volumes stay.
   * @param keep `disk`: the one that the ready snapshot is of stays
   */
  async destroy(progress: Progress, signal: AbortSignal, keep?: 'disk'): Promise<void> {
    const info = await this.info(signal);
    if (info?.managedSave) await this.#virsh(virshCommands.managedSaveRemove(this.domain), signal);
    if (info && info.state !== 'shut off') await this.#virsh(virshCommands.destroy(this.domain), signal);
    const what = l10n.t('The virtual machine could not be removed.');
    if (info) await this.#withVolumes((volumes) => volumes.detach(signal));
    if (await this.#isMade()) {
      try {
        await this.#vagrant(vagrantCommands.destroy(this.place, machineName), what, progress, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof SwitchyardError && error.code === 'vagrant.locked') throw error;
        this.#log.warn(`vagrant destroy: ${String(error)}; removing the parts one by one`);
      }
    }
    if (await this.info(signal)) await this.#virsh(virshCommands.undefine(this.domain), signal);
    await this.#explained(() => this.disks.remove(signal, keep));
    await this.#withVolumes((volumes) => volumes.dropFresh(signal));
    await rm(path.join(this.#folder, 'vagrant'), { recursive: true, force: true });
    await rm(path.join(this.#folder, 'Vagrantfile'), { force: true });
    await this.#renewal.forget();
  }

  /** The last lines that it printed on its serial console; undefined where nobody here can read it. */
  async console(): Promise<string | undefined> {
    return this.consoleFile === undefined ? undefined : lastOfConsole(this.consoleFile);
  }

  async #withVolumes(use: (volumes: VolumeDisks) => Promise<void>): Promise<void> {
    try {
      await use(this.volumes);
    } catch (error) {
      throw virshError(error, l10n.t('The disks of the volumes are not as they should be.'));
    }
  }

  async #isMade(): Promise<boolean> {
    try {
      await readFile(path.join(this.#folder, 'Vagrantfile'));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return false;
    }
  }

  async #virsh<T>(command: Command<T>, signal: AbortSignal): Promise<T> {
    return this.#explained(() => this.#runner.run(command, { signal }));
  }

  async #explained<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw virshError(error, l10n.t('libvirt did not do what was asked of the virtual machine.'));
    }
  }

  async #vagrant(
    command: Command<void>,
    what: string,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void> {
    await runVagrant(this.#runner, command, { what, lockMs: this.#timeouts.lockMs }, { progress, signal });
  }
}
