import * as l10n from '@vscode/l10n';
import { asSentence, SwitchyardError } from '../base/errors.ts';
import { CommandFailed, lastLines } from '../base/process.ts';
import { sessionUri, short } from './virsh.ts';

/** True where a call failed because there is no such domain. */
export function isNoDomain(error: unknown): boolean {
  return (
    error instanceof CommandFailed &&
    /failed to get domain|Domain not found|no domain with/i.test(error.stderr)
  );
}

/** True where a call failed because there is no such network. */
export function isNoNetwork(error: unknown): boolean {
  return error instanceof CommandFailed && /failed to get network|Network not found/i.test(error.stderr);
}

/** True where a call failed because a service of libvirt does not run, or went away in the middle. */
export function isNotServed(error: CommandFailed): boolean {
  return /failed to connect to the hypervisor|Failed to connect socket|Cannot recv data|Connection reset by peer/i.test(
    error.stderr,
  );
}

/** A failed call of virsh as an error for a person. */
export function virshError(error: unknown, what: string): unknown {
  if (!(error instanceof CommandFailed)) return error;
  const common = { what, detail: lastLines(error.stderr, 50), cause: error };
  if (error.reason === 'notFound') {
    return new SwitchyardError({
      ...common,
      code: 'libvirt.missing',
      why: l10n.t('libvirt is not installed: there is no virsh.'),
      next: l10n.t(
        'Install libvirt and QEMU (on Debian and Ubuntu: libvirt-daemon-system, libvirt-clients and qemu-system-x86).',
      ),
      remedies: [{ do: 'checkRequirements' }],
    });
  }
  const special = explainSsh(error, common) ?? explainSession(error, common);
  if (special) return special;
  if (/Permission denied|authentication (unavailable|failed)|access denied/i.test(error.stderr)) {
    return new SwitchyardError({
      ...common,
      code: 'libvirt.permission',
      why: l10n.t('You have no permission to manage virtual machines on this computer.'),
      next: l10n.t('Add your user to the group libvirt (sudo usermod -aG libvirt "$USER") and log in again.'),
      remedies: [{ do: 'checkRequirements' }],
    });
  }
  if (isNotServed(error)) {
    const unit = error.stderr.includes('virtlogd-sock') ? 'virtlogd' : 'libvirtd';
    return new SwitchyardError({
      ...common,
      code: 'libvirt.notRunning',
      why:
        unit === 'virtlogd'
          ? l10n.t('libvirt’s log service, which keeps the consoles of virtual machines, is not running.')
          : l10n.t('libvirt does not answer: its service is not running.'),
      next: l10n.t('Start it (sudo systemctl start {0}) and try again.', unit),
      remedies: [{ do: 'retry' }, { do: 'checkRequirements' }],
    });
  }
  return new SwitchyardError({
    ...common,
    code: error.reason === 'timeout' ? 'timeout' : 'libvirt.failed',
    why:
      error.reason === 'timeout'
        ? l10n.t('libvirt gave no answer in {0} s.', Math.round(short / 1000))
        : lastLines(error.stderr, 3).replace(/^error:\s*/i, '') || error.message,
    next: l10n.t('The log has the whole output.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
  });
}

/** A person's own libvirt, which begins by itself and asks for no rights: what helps at the system's is no help. */
function explainSession(
  error: CommandFailed,
  common: { readonly what: string; readonly detail: string; readonly cause: unknown },
): SwitchyardError | undefined {
  if (!error.args.includes(sessionUri)) return undefined;
  if (/KVM.*Permission denied|Permission denied.*kvm/i.test(error.stderr)) {
    return new SwitchyardError({
      ...common,
      code: 'libvirt.permission',
      why: l10n.t('QEMU runs as you, and you may not open /dev/kvm.'),
      next: l10n.t('Add your user to the group kvm (sudo usermod -aG kvm "$USER") and log in again.'),
      remedies: [{ do: 'checkRequirements' }],
    });
  }
  if (!isNotServed(error)) return undefined;
  return new SwitchyardError({
    ...common,
    code: 'libvirt.notRunning',
    why: l10n.t('Your own libvirt did not start: {0}', asSentence(lastLines(error.stderr, 2))),
    next: l10n.t(
      'See what "virsh --connect {0} list" says. It needs the daemon (on Debian and Ubuntu: libvirt-daemon).',
      sessionUri,
    ),
    remedies: [{ do: 'retry' }, { do: 'checkRequirements' }],
  });
}

/** A libvirt on another computer that was not reached: what ssh said, as what a person can do. */
function explainSsh(
  error: CommandFailed,
  common: { readonly what: string; readonly detail: string; readonly cause: unknown },
): SwitchyardError | undefined {
  const uri = error.args.find((arg) => arg.startsWith('qemu+ssh://'));
  const said = /Cannot recv data: (.*)/s
    .exec(error.stderr)?.[1]
    ?.replace(/: Connection reset by peer\s*$/, '');
  if (uri === undefined || said === undefined) return undefined;
  const host = uri.replace(/\?.*$/, '');
  const trouble = (
    code: 'ssh.hostKey' | 'libvirt.permission' | 'libvirt.notRunning',
    why: string,
    next: string,
  ) => new SwitchyardError({ ...common, code, why, next, remedies: [{ do: 'retry' }, { do: 'showLog' }] });
  if (said.includes('REMOTE HOST IDENTIFICATION HAS CHANGED')) {
    return trouble(
      'ssh.hostKey',
      l10n.t(
        'The host key of {0} is not the one that is known: it is now {1}. Somebody may be listening, or the host was made anew.',
        host,
        /\bSHA256:[A-Za-z0-9+/]+/.exec(said)?.[0] ?? '?',
      ),
      l10n.t(
        'Ask whoever runs that host for its fingerprint. Only if it is this one, remove the old key with "ssh-keygen -R".',
      ),
    );
  }
  if (said.includes('Host key verification failed')) {
    return trouble(
      'ssh.hostKey',
      l10n.t('The host key of {0} is not known yet.', host),
      l10n.t('Connect once with ssh in a terminal and compare the fingerprint that it shows.'),
    );
  }
  if (said.includes('Permission denied (')) {
    return trouble(
      'libvirt.permission',
      l10n.t('{0} does not let you in: {1}', host, asSentence(lastLines(said, 1))),
      l10n.t('Load your key into the SSH agent (ssh-add), or name it in ~/.ssh/config.'),
    );
  }
  return trouble(
    'libvirt.notRunning',
    l10n.t('The libvirt at {0} was not reached: {1}', host, asSentence(lastLines(said, 2))),
    l10n.t('See whether "ssh" gets to that host, and "virsh list" answers there.'),
  );
}
