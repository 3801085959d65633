import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Command, Runner } from '../../base/process.ts';
import { vagrantCommands, vagrantError } from '../../engines/vagrant.ts';
import { sessionUri, virshCommands } from '../../engines/virsh.ts';
import { virshError } from '../../engines/virshErrors.ts';
import type { Requirement } from '../environment.ts';
import { chooseAcceleration } from './acceleration.ts';
import type { MachineHost } from './machineHost.ts';
import { networkName } from './network.ts';

/** @throws SwitchyardError `vagrant.missing` where there is no Vagrant that runs */
export async function expectVagrant(runner: Runner, signal: AbortSignal): Promise<void> {
  try {
    await runner.run(vagrantCommands.version(), { signal });
  } catch (error) {
    throw vagrantError(error, l10n.t('The virtual machine could not be made.'));
  }
}

/** What virtual machines need on this computer, each asked for itself. */
export async function vmRequirements(
  runner: Runner,
  host: MachineHost,
  signal: AbortSignal,
): Promise<Requirement[]> {
  const ask = async <T>(
    name: string,
    command: Command<T>,
    explain: (error: unknown, what: string) => unknown,
    judge: (answer: T) => Omit<Requirement, 'name'>,
  ): Promise<Requirement> => {
    try {
      return { name, ...judge(await runner.run(command, { signal })) };
    } catch (error) {
      signal.throwIfAborted();
      const explained = explain(error, '');
      const detail =
        explained instanceof SwitchyardError ? `${explained.why} ${explained.next}` : String(explained);
      return { name, ok: false, detail };
    }
  };
  const all = await Promise.all([
    ask(l10n.t('Vagrant'), vagrantCommands.version(), vagrantError, (version) => ({
      ok: true,
      detail: version,
    })),
    ask(l10n.t('Vagrant’s libvirt plugin'), vagrantCommands.plugins(), vagrantError, (plugins) => {
      const version = plugins.get('vagrant-libvirt');
      return version === undefined
        ? {
            ok: false,
            detail: l10n.t(
              'It is missing. Install the package vagrant-libvirt, or run: vagrant plugin install vagrant-libvirt',
            ),
          }
        : { ok: true, detail: version };
    }),
    ask(l10n.t('libvirt'), virshCommands.version(), virshError, ({ libvirt }) => ({
      ok: true,
      detail: whichLibvirt(libvirt, host),
    })),
    ask(l10n.t('QEMU'), virshCommands.version(), virshError, ({ hypervisor }) =>
      hypervisor === ''
        ? { ok: false, detail: l10n.t('libvirt found no QEMU. Install the package qemu-system-x86.') }
        : { ok: true, detail: hypervisor },
    ),
    ask(l10n.t('Network of the virtual machines'), virshCommands.networks(), virshError, (networks) => ({
      ok: true,
      detail: whichNetwork(networks, host),
    })),
  ]);
  return [...all, await virtualisation(host, signal)];
}

function whichNetwork(networks: ReadonlyMap<string, boolean>, { isSession }: MachineHost): string {
  if (isSession) return l10n.t('QEMU’s own, with a port of this computer for each machine.');
  return networks.get(networkName)
    ? l10n.t('"{0}" is active.', networkName)
    : l10n.t('"{0}" is made or started with the next virtual machine.', networkName);
}

function whichLibvirt(version: string, { name, isSession, passedOver }: MachineHost): string {
  if (name !== undefined) return l10n.t('{0} on {1}', version, name);
  if (isSession) return l10n.t('{0}, your own ({1})', version, sessionUri);
  if (passedOver === undefined) return version;
  return l10n.t(
    '{0} of this computer; {1}, which LIBVIRT_DEFAULT_URI names, is not used.',
    version,
    passedOver,
  );
}

async function virtualisation(host: MachineHost, signal: AbortSignal): Promise<Requirement> {
  const name = l10n.t('Hardware virtualisation');
  try {
    const { type, reason } = chooseAcceleration('auto', await host.virtualisation(signal));
    return {
      name,
      // A machine runs without it too, only slower.
      ok: true,
      detail:
        type === 'kvm' ? reason : l10n.t('{0} Virtual machines run in software emulation, slowly.', reason),
    };
  } catch (error) {
    signal.throwIfAborted();
    return {
      name,
      ok: false,
      detail: error instanceof SwitchyardError ? `${error.why} ${error.next}` : String(error),
    };
  }
}
