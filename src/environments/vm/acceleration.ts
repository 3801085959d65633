import { access, constants, readFile } from 'node:fs/promises';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';

/** How a machine's processor is run. */
export interface Acceleration {
  readonly type: 'kvm' | 'tcg';
  /** Why it was chosen, as a sentence. */
  readonly reason: string;
}

/** What this computer offers. */
export interface Virtualisation {
  /** `flags` of /proc/cpuinfo hold `vmx` (Intel) or `svm` (AMD). */
  readonly processor: boolean;
  readonly device: 'usable' | 'missing' | 'denied';
  /** QEMU runs as the person, so what that one may not open QEMU may not either. */
  readonly asPerson?: boolean;
}

export async function probeVirtualisation(): Promise<Virtualisation> {
  const cpuinfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  let device: Virtualisation['device'] = 'usable';
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch (error) {
    device = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'denied';
  }
  return { processor: hasVirtualisation(cpuinfo), device };
}

/** Whether the processor itself says that it can run virtual machines. /dev/kvm can exist without it. */
export function hasVirtualisation(cpuinfo: string): boolean {
  return /^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo);
}

/**
 * @param wanted what the config says
 * @throws SwitchyardError `config.unsupported` where the config insists on what is not there
 */
export function chooseAcceleration(wanted: 'auto' | 'kvm' | 'tcg', found: Virtualisation): Acceleration {
  if (wanted === 'tcg') return { type: 'tcg', reason: l10n.t('The configuration says so.') };
  const missing = whyNoKvm(found);
  if (missing === undefined) {
    return {
      type: 'kvm',
      reason:
        wanted === 'kvm'
          ? l10n.t('The configuration says so.')
          : l10n.t('The processor and /dev/kvm offer it.'),
    };
  }
  if (wanted === 'auto') return { type: 'tcg', reason: missing };
  throw new SwitchyardError({
    code: 'config.unsupported',
    what: l10n.t('The virtual machine cannot use hardware virtualisation, as its configuration demands.'),
    why: missing,
    next: l10n.t('Set "acceleration" to "auto", or give this computer access to hardware virtualisation.'),
    remedies: [{ do: 'checkRequirements' }],
  });
}

function whyNoKvm(found: Virtualisation): string | undefined {
  if (!found.processor)
    return l10n.t('The processor offers no hardware virtualisation (neither vmx nor svm).');
  if (found.device === 'missing') return l10n.t('There is no /dev/kvm: the kvm module is not loaded.');
  if (found.asPerson && found.device === 'denied') {
    return l10n.t(
      'You may not open /dev/kvm; whoever is in the group kvm may (sudo usermod -aG kvm "$USER").',
    );
  }
  // libvirt's own QEMU runs as another user, so what matters is that the device is there and the group set;
  // a person who may not open it is told, and libvirt is asked all the same.
  return undefined;
}
