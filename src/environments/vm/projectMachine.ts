import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Runner } from '../../base/process.ts';
import type { Progress } from '../../base/progress.ts';
import type { SwitchyardSettings, VmSource } from '../../config/settings.ts';
import type { DomainInfo, DomainStats } from '../../engines/virshAnswers.ts';
import type { Machine, MachineTimeouts } from './machine.ts';
import type { MachineAddress } from './machineAddress.ts';
import { knownMachines, madeWith, OwnMachine, type OwnSource } from './ownMachine.ts';
import type { RecordFile } from './record.ts';

/**
 * A project's machine, whichever it is now: the one on record, else the one that the config speaks of. It is
 * of a generated Vagrantfile, or of the user's own.
 */
export class ProjectMachine {
  readonly generated: Machine;
  readonly #record: RecordFile;
  readonly #settings: () => Promise<SwitchyardSettings>;
  readonly #parts: { runner: Runner; log: Logger; timeouts: MachineTimeouts };

  constructor(
    generated: Machine,
    record: RecordFile,
    settings: () => Promise<SwitchyardSettings>,
    parts: { runner: Runner; log: Logger; timeouts: MachineTimeouts },
  ) {
    this.generated = generated;
    this.#record = record;
    this.#settings = settings;
    this.#parts = parts;
  }

  get domain(): string {
    return this.generated.domain;
  }

  /** A machine of a Vagrantfile. @param host where its SSH server was the last time */
  own(source: OwnSource, host?: string): OwnMachine {
    return new OwnMachine(source, { ...this.#parts, host });
  }

  async info(signal: AbortSignal): Promise<DomainInfo | undefined> {
    return (await this.#now()).info(signal);
  }

  /** What can be told without running code of the project's: for whoever only looks. */
  async glance(signal: AbortSignal): Promise<DomainInfo | undefined> {
    const now = await this.#now();
    return now instanceof OwnMachine ? now.glance(signal) : now.info(signal);
  }

  /** Undefined where nobody but the machine itself can tell. */
  async stats(signal: AbortSignal): Promise<DomainStats | undefined> {
    return (await this.#now()).stats(signal);
  }

  async address(signal: AbortSignal): Promise<MachineAddress | undefined> {
    return (await this.#now()).address(signal);
  }

  async start(info: DomainInfo, progress: Progress, signal: AbortSignal): Promise<void> {
    const now = await this.#now();
    if (now instanceof OwnMachine) await now.start(info, progress, signal);
    else await now.start(info, signal);
  }

  async suspend(progress: Progress, signal: AbortSignal): Promise<void> {
    const now = await this.#now();
    if (now instanceof OwnMachine) await now.suspend(progress, signal);
    else await now.suspend(signal);
  }

  async stop(progress: Progress, signal: AbortSignal): Promise<void> {
    await (await this.#now()).stop(progress, signal);
  }

  /** @param keep as of `Machine.destroy`; nothing is kept of a machine of the user's own */
  async destroy(progress: Progress, signal: AbortSignal, keep?: 'disk'): Promise<void> {
    await (await this.#now()).destroy(progress, signal, keep);
  }

  async console(): Promise<string | undefined> {
    return (await this.#now()).console();
  }

  /** The user's own machine that this is; undefined where it is of a generated Vagrantfile. */
  async ownSource(): Promise<OwnSource | undefined> {
    const now = await this.#now();
    return now instanceof OwnMachine ? now.source : undefined;
  }

  async #source(): Promise<VmSource | undefined> {
    try {
      return (await this.#settings()).vm.source;
    } catch (error) {
      // A config that cannot be read speaks of no machine; whoever opens it is told why.
      if (!(error instanceof SwitchyardError)) throw error;
      return undefined;
    }
  }

  async #now(): Promise<Machine | OwnMachine> {
    const record = await this.#record.read();
    if (record) return record.own ? this.own(record.own, record.login?.host) : this.generated;
    const source = await this.#source();
    if (source?.type !== 'vagrantfile') return this.generated;
    const { vagrantfile } = source;
    const known = await knownMachines(vagrantfile);
    const only = known.length === 1 ? known[0] : undefined;
    const machine = source.machine ?? (known.includes('default') ? 'default' : (only ?? 'default'));
    return this.own({ vagrantfile, machine, provider: (await madeWith(vagrantfile, machine)) ?? 'libvirt' });
  }
}
