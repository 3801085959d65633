import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type { Disposable } from '../../base/disposable.ts';
import { SwitchyardError } from '../../base/errors.ts';
import { Emitter } from '../../base/event.ts';
import type { Logger } from '../../base/log.ts';
import type { Command } from '../../base/process.ts';
import type { Project } from '../../config/project.ts';
import { spokenLines, vagrantCommands, vagrantError } from '../../engines/vagrant.ts';
import {
  isProjectGone,
  readMachineIndex,
  vagrantHome,
  type IndexedMachine,
} from '../../engines/vagrantIndex.ts';
import { LibvirtRunner, type LibvirtEndpoint } from '../../engines/libvirtEndpoint.ts';
import { VirshChannel } from '../../engines/virshChannel.ts';
import { sessionUri, virshCommands } from '../../engines/virsh.ts';
import { isNoDomain, virshError } from '../../engines/virshErrors.ts';
import { capabilitiesOf } from '../capabilities.ts';
import type {
  Environment,
  EnvironmentProvider,
  EnvironmentState,
  OperationOptions,
  OtherEnvironment,
  Requirement,
} from '../environment.ts';
import { SharedWatch } from '../sharedWatch.ts';
import { listenToDomains } from './domainEvents.ts';
import { BoxStore } from './image/boxStore.ts';
import { defaultTimeouts, type MachineTimeouts } from './machine.ts';
import { MachineHost } from './machineHost.ts';
import { vmRequirements } from './requirements.ts';
import { VmEnvironment } from './vmEnvironment.ts';
import { stateOf } from './domainState.ts';
import type { VmServices } from './vmGuest.ts';

/**
 * Answers of another computer's libvirt come after a login there, and each login costs; a session's libvirt begins
 * with the first question, and looks at QEMU for seconds before it answers.
 */
const patientBounds = { answerMs: 20_000, stuckMs: 5_000 };

export interface VmProviderOptions extends Pick<
  VmServices,
  'runner' | 'log' | 'docker' | 'devcontainer' | 'syncFor' | 'dotfiles' | 'secrets'
> {
  /** The extension's storage, which also holds the projects' own folders. */
  readonly storage: string;
  readonly timeouts?: Partial<MachineTimeouts>;
  /** The libvirt that runs the machines, or why none can be chosen; this computer's where nothing is said. */
  readonly libvirt?: LibvirtEndpoint | SwitchyardError;
}

/** The VMs of this computer, made by Vagrant and run by libvirt. */
export class VmProvider implements EnvironmentProvider {
  readonly kind = 'vm';
  readonly #services: VmServices;
  readonly #storage: string;
  readonly #runner: VirshChannel;
  readonly #host: MachineHost;
  readonly #log: Logger;
  /** Of the projects that are open. */
  readonly #environments = new Set<VmEnvironment>();
  readonly #changed = new Emitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #watch = new SharedWatch((signal) =>
    listenToDomains(this.#runner, this.#log, () => this.#changed.fire(), signal),
  );

  constructor(options: VmProviderOptions) {
    this.#storage = options.storage;
    const { libvirt } = options;
    const spoken = libvirt ? new LibvirtRunner(options.runner, libvirt) : options.runner;
    const endpoint = libvirt instanceof SwitchyardError ? undefined : libvirt;
    const isSlow = endpoint?.ssh !== undefined || endpoint?.uri === sessionUri;
    const runner = new VirshChannel(spoken, options.log, isSlow ? patientBounds : undefined);
    this.#host = new MachineHost(endpoint, runner);
    const { mark } = this.#host;
    this.#runner = runner;
    this.#log = options.log;
    this.#services = {
      ...options,
      runner,
      host: this.#host,
      boxes: new BoxStore({
        ...options,
        runner,
        folder: path.join(options.storage, mark === undefined ? 'boxes' : `boxes-${mark}`),
        vagrantHome: vagrantHome(),
      }),
      timeouts: { ...defaultTimeouts, ...options.timeouts },
    };
  }

  forProject(project: Project): Environment {
    const environment = new VmEnvironment(project, this.#services);
    this.#environments.add(environment);
    environment.ended.addEventListener('abort', () => this.#environments.delete(environment));
    return environment;
  }

  async listOthers(signal: AbortSignal): Promise<readonly OtherEnvironment[]> {
    const own = await Promise.all([...this.#environments].map((environment) => environment.ownSource()));
    const isOpen = ({ vagrantfilePath, name }: IndexedMachine): boolean =>
      own.some((one) => one?.machine === name && path.dirname(one.vagrantfile) === vagrantfilePath);
    const machines = (await readMachineIndex(vagrantHome())).filter(
      (machine) => !this.#isOurs(machine) && !isOpen(machine),
    );
    const others = await Promise.all(
      machines.map(async (machine): Promise<OtherEnvironment[]> => {
        const state = await this.#stateOf(machine, signal);
        // Neither a machine nor what one could be made of.
        if (state === 'absent' && (await isProjectGone(machine))) return [];
        return [
          {
            kind: this.kind,
            id: machine.id,
            name: `${path.basename(machine.vagrantfilePath)}/${machine.name}`,
            state,
            description: `${machine.provider} · ${machine.vagrantfilePath}`,
            capabilities: capabilitiesOf(state, { canSuspend: true }),
          },
        ];
      }),
    );
    return others.flat();
  }

  async actOnOther(
    id: string,
    action: 'start' | 'stop' | 'suspend' | 'destroy',
    options: OperationOptions,
  ): Promise<void> {
    const what = l10n.t('Vagrant did not do what was asked of the machine.');
    const machine = (await readMachineIndex(vagrantHome())).find((one) => one.id === id);
    if (!machine || this.#isOurs(machine)) {
      throw new SwitchyardError({
        code: 'environment.gone',
        what,
        why: l10n.t('Vagrant no longer knows it.'),
        next: l10n.t('Refresh the list.'),
        remedies: [],
      });
    }
    const place = { cwd: machine.vagrantfilePath, dotfilePath: machine.localDataPath };
    const commands: Readonly<Record<typeof action, Command<void>>> = {
      start: vagrantCommands.up(place, machine.name, machine.provider),
      stop: vagrantCommands.halt(place, machine.name),
      suspend: vagrantCommands.suspend(place, machine.name),
      destroy: vagrantCommands.destroy(place, machine.name),
    };
    try {
      await this.#runner.run(commands[action], {
        signal: options.signal,
        onLine: (line) => spokenLines(line).forEach((text) => options.progress.line(text)),
      });
    } catch (error) {
      throw vagrantError(error, what);
    } finally {
      this.#changed.fire();
    }
  }

  watch(): Disposable {
    return this.#watch.begin();
  }

  async requirements(signal: AbortSignal): Promise<readonly Requirement[]> {
    return vmRequirements(this.#runner, this.#host, signal);
  }

  dispose(): void {
    this.#watch.dispose();
    this.#runner.dispose();
    this.#changed.dispose();
  }

  /** Hears libvirt's events until the signal fires; where libvirt goes away, asks again and again. */
  #isOurs(machine: IndexedMachine): boolean {
    return !path.relative(this.#storage, machine.vagrantfilePath).startsWith('..');
  }

  async #stateOf(machine: IndexedMachine, signal: AbortSignal): Promise<EnvironmentState> {
    // Machines of other Vagrantfiles are where those say: another libvirt knows nothing of them.
    const isAskable = machine.provider === 'libvirt' && this.#host.mark === undefined;
    if (!isAskable || machine.localDataPath === undefined) {
      return stateOfIndex(machine.state);
    }
    const file = path.join(machine.localDataPath, 'machines', machine.name, 'libvirt', 'id');
    let uuid: string;
    try {
      uuid = (await readFile(file, 'utf8')).trim();
    } catch (error) {
      // ENOTDIR: its project is gone, and there is something else of that name.
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return 'absent';
      // Another user's machine, say: the others are listed all the same.
      this.#log.warn(`The state of the machine ${machine.name} is not known: ${String(error)}`);
      return 'unknown';
    }
    try {
      return stateOf(await this.#runner.run(virshCommands.domainInfo(uuid), { signal }));
    } catch (error) {
      if (isNoDomain(error)) return 'absent';
      throw virshError(error, l10n.t('The virtual machines cannot be listed.'));
    }
  }
}

/** The state that Vagrant saw last. */
function stateOfIndex(state: string): EnvironmentState {
  if (state === 'running') return 'running';
  if (state === 'saved' || state === 'suspended' || state === 'paused') return 'suspended';
  if (state === 'not_created') return 'absent';
  if (['poweroff', 'shutoff', 'stopped', 'aborted'].includes(state)) return 'stopped';
  return 'unknown';
}
