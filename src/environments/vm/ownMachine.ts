import type { MachineAddress } from './machineAddress.ts';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Command, Runner } from '../../base/process.ts';
import type { Progress } from '../../base/progress.ts';
import { vagrantCommands, vagrantError, type VagrantPlace } from '../../engines/vagrant.ts';
import { readMachineIndex, vagrantHome } from '../../engines/vagrantIndex.ts';
import { virshCommands } from '../../engines/virsh.ts';
import type { DomainInfo, DomainStats } from '../../engines/virshAnswers.ts';
import { isNoDomain, virshError } from '../../engines/virshErrors.ts';
import type { MachineTimeouts } from './machine.ts';
import { runVagrant } from './runVagrant.ts';

/** Which machine of which Vagrantfile. */
export interface OwnSource {
  /** Absolute path of the Vagrantfile. */
  readonly vagrantfile: string;
  /** As the file names it. */
  readonly machine: string;
  readonly provider: string;
}

/** Where Vagrant is run for a Vagrantfile: in its own folder, so that a person sees the same machines there. */
export function placeOf(vagrantfile: string): VagrantPlace {
  const file = path.basename(vagrantfile);
  return {
    cwd: path.dirname(vagrantfile),
    dotfilePath: undefined,
    ...(file === 'Vagrantfile' ? {} : { file }),
  };
}

/** What Vagrant itself keeps about a machine, beside its Vagrantfile. */
export function machineFolder({ vagrantfile, machine, provider }: OwnSource): string {
  return path.join(path.dirname(vagrantfile), '.vagrant', 'machines', machine, provider);
}

/** The provider that a machine was made with; undefined where it is not made. */
export async function madeWith(vagrantfile: string, machine: string): Promise<string | undefined> {
  const folder = path.join(path.dirname(vagrantfile), '.vagrant', 'machines', machine);
  for (const provider of await namesIn(folder)) {
    if ((await readId({ vagrantfile, machine, provider })) !== undefined) return provider;
  }
  return undefined;
}

/** The machines of a Vagrantfile that were made once, by name. Nothing of the file is run. */
export async function knownMachines(vagrantfile: string): Promise<readonly string[]> {
  return namesIn(path.join(path.dirname(vagrantfile), '.vagrant', 'machines'));
}

/**
 * A machine of the user's own Vagrantfile. Vagrant makes, starts, halts and destroys it, so all that the file
 * says is done; where it is a domain of this computer's libvirt, libvirt answers for its state and figures,
 * and puts it to sleep and wakes it.
 */
export class OwnMachine {
  readonly source: OwnSource;
  readonly #runner: Runner;
  readonly #log: Logger;
  readonly #timeouts: MachineTimeouts;
  readonly #host: string | undefined;

  /** @param parts.host where its SSH server was the last time, as Vagrant says */
  constructor(
    source: OwnSource,
    parts: { runner: Runner; log: Logger; timeouts: MachineTimeouts; host: string | undefined },
  ) {
    this.source = source;
    this.#runner = parts.runner;
    this.#log = parts.log;
    this.#timeouts = parts.timeouts;
    this.#host = parts.host;
  }

  get domain(): string {
    return `${path.basename(path.dirname(this.source.vagrantfile))}/${this.source.machine}`;
  }

  /** What there is of it; undefined where it does not exist. @throws SwitchyardError */
  async info(signal: AbortSignal): Promise<DomainInfo | undefined> {
    return this.#info(signal, () => this.#askVagrant(signal));
  }

  /**
   * The same without running the Vagrantfile, which is code: what Vagrant saw last counts where libvirt
   * knows nothing. @throws SwitchyardError
   */
  async glance(signal: AbortSignal): Promise<DomainInfo | undefined> {
    return this.#info(signal, async () => {
      const { vagrantfile, machine } = this.source;
      const folder = path.dirname(vagrantfile);
      const entry = (await readMachineIndex(vagrantHome())).find(
        ({ name, vagrantfilePath }) => name === machine && vagrantfilePath === folder,
      );
      return entry?.state;
    });
  }

  async stats(signal: AbortSignal): Promise<DomainStats | undefined> {
    const uuid = await this.#domain(signal);
    if (uuid === undefined) return undefined;
    try {
      return await this.#runner.run(virshCommands.stats(uuid), { signal });
    } catch (error) {
      if (isNoDomain(error)) return undefined;
      throw virshError(error, l10n.t('The figures of the virtual machine are not known.'));
    }
  }

  /** Where its SSH server is. */
  async address(signal: AbortSignal): Promise<MachineAddress | undefined> {
    const host = await this.#address(signal);
    return host === undefined ? undefined : { host };
  }

  async #address(signal: AbortSignal): Promise<string | undefined> {
    const uuid = await this.#domain(signal);
    if (uuid === undefined) return this.#host;
    try {
      const addresses = await this.#runner.run(virshCommands.addresses(uuid), { signal });
      // Of several networks Vagrant knows which one is for it.
      return this.#host !== undefined && addresses.includes(this.#host) ? this.#host : addresses[0];
    } catch (error) {
      signal.throwIfAborted();
      this.#log.debug(`The address of ${this.domain}: ${String(error)}`);
      return this.#host;
    }
  }

  /** Makes it where it is not there, and starts it: `vagrant up` does what is missing. */
  async up(progress: Progress, signal: AbortSignal): Promise<void> {
    const { machine, provider } = this.source;
    const what = l10n.t('The virtual machine could not be started.');
    await this.#vagrant(vagrantCommands.up(this.#place, machine, provider), what, progress, signal);
  }

  async start(info: DomainInfo, progress: Progress, signal: AbortSignal): Promise<void> {
    const uuid = await this.#domain(signal);
    const sleeps = info.state === 'paused' || info.managedSave;
    if (uuid === undefined || !sleeps) return this.up(progress, signal);
    await this.#virsh(
      info.state === 'paused' ? virshCommands.resume(uuid) : virshCommands.start(uuid),
      signal,
    );
  }

  /** Memory goes to disk where that can be; a machine whose devices forbid it is paused and keeps its memory. */
  async suspend(progress: Progress, signal: AbortSignal): Promise<void> {
    const uuid = await this.#domain(signal);
    if (uuid === undefined) {
      const what = l10n.t('The virtual machine could not be suspended.');
      const command = vagrantCommands.suspend(this.#place, this.source.machine);
      return this.#vagrant(command, what, progress, signal);
    }
    try {
      await this.#virsh(virshCommands.managedSave(uuid), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SwitchyardError) || error.code !== 'libvirt.failed') throw error;
      this.#log.info(`The memory of ${this.domain} cannot be saved, so it is paused: ${error.why}`);
      await this.#virsh(virshCommands.pause(uuid), signal);
    }
  }

  async stop(progress: Progress, signal: AbortSignal): Promise<void> {
    const what = l10n.t('The virtual machine could not be stopped.');
    await this.#vagrant(vagrantCommands.halt(this.#place, this.source.machine), what, progress, signal);
  }

  /** With its disk, as the file says. */
  async destroy(progress: Progress, signal: AbortSignal): Promise<void> {
    if ((await readId(this.source)) === undefined) return;
    const what = l10n.t('The virtual machine could not be removed.');
    await this.#vagrant(vagrantCommands.destroy(this.#place, this.source.machine), what, progress, signal);
  }

  /** What it prints on a console goes where the file says; nobody here reads it. */
  console(): Promise<string> {
    return Promise.resolve('');
  }

  get #place(): VagrantPlace {
    return placeOf(this.source.vagrantfile);
  }

  async #info(signal: AbortSignal, ask: () => Promise<string | undefined>): Promise<DomainInfo | undefined> {
    const id = await readId(this.source);
    if (id === undefined) return undefined;
    const domain = this.source.provider === 'libvirt' ? await this.#domainInfo(id, signal) : undefined;
    if (domain) return { ...domain, run: domain.run === undefined ? undefined : `${id} ${domain.run}` };
    return domainInfo(id, await ask());
  }

  async #askVagrant(signal: AbortSignal): Promise<string | undefined> {
    try {
      const [machine] = await this.#runner.run(vagrantCommands.status(this.#place, this.source.machine), {
        signal,
      });
      return machine?.state;
    } catch (error) {
      throw vagrantError(error, l10n.t('The state of the virtual machine is not known.'));
    }
  }

  /** Its id in this computer's libvirt; undefined where that does not know it. */
  async #domain(signal: AbortSignal): Promise<string | undefined> {
    const id = this.source.provider === 'libvirt' ? await readId(this.source) : undefined;
    return id === undefined ? undefined : (await this.#domainInfo(id, signal))?.uuid;
  }

  async #domainInfo(id: string, signal: AbortSignal): Promise<DomainInfo | undefined> {
    try {
      return await this.#runner.run(virshCommands.domainInfo(id), { signal });
    } catch (error) {
      // It may be another libvirt's, which its Vagrantfile names.
      if (isNoDomain(error)) return undefined;
      throw virshError(error, l10n.t('The state of the virtual machine is not known.'));
    }
  }

  async #virsh(command: Command<void>, signal: AbortSignal): Promise<void> {
    try {
      await this.#runner.run(command, { signal });
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

/** A provider's word for a machine's state, in libvirt's terms; undefined where it does not exist. */
export function domainInfo(uuid: string, state: string | undefined): DomainInfo | undefined {
  const found = { uuid, managedSave: false, run: undefined };
  if (state === undefined || state === 'not_created') return undefined;
  if (state === 'running') return { ...found, state: 'running', run: uuid };
  if (['saved', 'suspended', 'paused'].includes(state))
    return { ...found, state: 'shut off', managedSave: true };
  return { ...found, state: 'shut off' };
}

/** Vagrant's word for a machine that its provider made; undefined where there is none. */
export async function readId(source: OwnSource): Promise<string | undefined> {
  try {
    const id = (await readFile(path.join(machineFolder(source), 'id'), 'utf8')).trim();
    return id === '' ? undefined : id;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
