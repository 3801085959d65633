import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import { sessionUri } from '../../engines/virsh.ts';

/** @throws SwitchyardError `config.unsupported` for what a later version will do */
export function expectSupported(settings: SwitchyardSettings): void {
  const { source, provider, workspace } = settings.vm;
  let why: string | undefined;
  // What the user's own file can do is up to it.
  if (source.type === 'vagrantfile') return;
  if (provider !== undefined && provider !== 'libvirt') {
    why =
      source.type === 'image'
        ? l10n.t('A machine made of the image needs the provider libvirt; "provider" is {0}.', provider)
        : l10n.t('A machine made of a box needs the provider libvirt; "provider" is {0}.', provider);
  } else if (workspace !== 'ssh') {
    why = l10n.t('A virtual machine gets the workspace over SSH only so far; "workspace" is {0}.', workspace);
  }
  if (why === undefined) return;
  throw new SwitchyardError({
    code: 'config.unsupported',
    what: l10n.t('The virtual machine cannot be made as its configuration says.'),
    why,
    next: l10n.t('Change that key under customizations.switchyard.vm, or remove it.'),
    remedies: [{ do: 'showLog' }],
  });
}

/**
 * A box has no host key that is known before it boots, and that of a machine on another computer's network cannot be
 * asked for from here. Vagrant gives a box a key of its own, for which it has to get in, and it gets into no machine
 * without an address.
 * @throws SwitchyardError `config.unsupported`
 */
export function expectHere(host: { readonly name: string | undefined; readonly isSession: boolean }): void {
  const { name, isSession } = host;
  if (name === undefined && !isSession) return;
  throw new SwitchyardError({
    code: 'config.unsupported',
    what: l10n.t('The virtual machine cannot be made as its configuration says.'),
    why:
      name === undefined
        ? l10n.t(
            'Vagrant itself gets into a machine made of a box, and one of {0} has no address for it.',
            sessionUri,
          )
        : l10n.t('A machine made of a box is made on this computer only, and libvirt is that of {0}.', name),
    next: l10n.t('Choose this computer with "Choose libvirt Host…", or take the image as the source.'),
    remedies: [{ do: 'showLog' }],
  });
}

const GiB = 2 ** 30;

/**
 * Before minutes of building: a machine that asks for more than there is would not start, or starve its host.
 * @param host what the computer has, and how a person names it where it is not this one
 * @throws SwitchyardError `config.unsupported`
 */
export function expectRoom(
  { vm }: Pick<SwitchyardSettings, 'vm'>,
  host: { readonly cpus: number; readonly memoryBytes: number; readonly name?: string | undefined },
  configFile: string | undefined,
): void {
  const name = host.name ?? l10n.t('this computer');
  const gib = (bytes: number): string => (bytes / GiB).toFixed(1);
  let why: string | undefined;
  // The two of the default run on one as well.
  if (vm.cpus > Math.max(host.cpus, 2)) {
    why = l10n.t('It is to have {0} CPUs, and {1} has {2}.', vm.cpus, name, host.cpus);
  } else if (vm.memoryBytes > host.memoryBytes) {
    const [asked, there] = [gib(vm.memoryBytes), gib(host.memoryBytes)];
    why = l10n.t('It is to have {0} GiB of memory, and {1} has {2} GiB.', asked, name, there);
  }
  if (why === undefined) return;
  throw new SwitchyardError({
    code: 'config.unsupported',
    what: l10n.t('The virtual machine cannot be made as its configuration says.'),
    why,
    next: l10n.t('Ask for less under customizations.switchyard.vm, which goes before hostRequirements.'),
    remedies: configFile === undefined ? [] : [{ do: 'openFile', file: configFile }],
  });
}

/** A machine that was made with another storage: by another editor, whose work may be in it. */
export function strange(domain: string): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.busy',
    what: l10n.t('The virtual machine of this project belongs to another editor.'),
    why: l10n.t('{0} exists, and this editor has not made it.', domain),
    next: l10n.t('Open it there, or destroy it and open the project again.'),
    remedies: [{ do: 'destroy', kind: 'vm' }],
  });
}

/** For who asks something of a machine that must run for it. */
export function notRunning(projectName: string): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.gone',
    what: l10n.t('The virtual machine of {0} is not running.', projectName),
    why: l10n.t('It was stopped, suspended or removed.'),
    next: l10n.t('Open it again.'),
    remedies: [{ do: 'retry' }],
  });
}
