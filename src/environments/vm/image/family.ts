import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../../base/errors.ts';
import type { InitSystem } from './initSystem.ts';
import { openrc } from './openrc.ts';
import { systemd } from './systemd.ts';

/** What an image's /etc/os-release says of its distribution. */
export interface Distribution {
  /** As a person knows it: "Debian GNU/Linux 12 (bookworm)". */
  readonly name: string;
  /** `ID` and what `ID_LIKE` names, in lower case. */
  readonly ids: readonly string[];
}

/** A group of distributions that become a machine in the same way. */
export interface Family {
  readonly name: 'debian' | 'fedora' | 'alpine';
  /** `ID` or `ID_LIKE` of its distributions. */
  readonly ids: readonly string[];
  /** Without which nothing can be added to an image; absolute paths in it. Of each line, one will do. */
  readonly programs: readonly (readonly string[])[];
  readonly init: InitSystem;
  /** Runs as root in a container of the image; afterwards the image has its init system, sshd and what machines use. */
  readonly systemScript: string;
}

// python3 runs the agent of the workspace sync.
const debian: Family = {
  name: 'debian',
  ids: ['debian', 'ubuntu'],
  programs: [['/bin/sh'], ['/usr/bin/apt-get']],
  init: systemd,
  systemScript: String.raw`
set -eu
export DEBIAN_FRONTEND=noninteractive
had=$(ls /var/lib/apt/lists 2>/dev/null | head -n 1)
apt-get update
apt-get install -y --no-install-recommends \
  systemd-sysv dbus udev openssh-server sudo iproute2 netbase kmod e2fsprogs fdisk util-linux python3
apt-get clean
[ -n "$had" ] || rm -rf /var/lib/apt/lists/*
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
`,
};

/**
 * The container image of Fedora has parts of systemd as packages of their own (systemd-standalone-*), which exclude the
 * whole: `--allowerasing` lets them go. microdnf has no such option. SELinux stays off: the kernel is Debian's, which
 * starts it only where it is told to.
 */
const fedora: Family = {
  name: 'fedora',
  ids: ['fedora', 'rhel', 'centos', 'rocky', 'almalinux'],
  programs: [['/bin/sh'], ['/usr/bin/dnf', '/usr/bin/microdnf', '/usr/bin/yum']],
  init: systemd,
  systemScript: String.raw`
set -eu
packages='systemd systemd-udev dbus openssh-server sudo iproute kmod e2fsprogs util-linux python3'
if command -v dnf > /dev/null; then
  dnf install -y --setopt=install_weak_deps=False --allowerasing $packages
  dnf clean all
elif command -v microdnf > /dev/null; then
  microdnf install -y --setopt=install_weak_deps=0 $packages
  microdnf clean all
else
  yum install -y $packages
  yum clean all
fi
[ -e /sbin/init ] || ln -s ../lib/systemd/systemd /usr/sbin/init
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
`,
};

/**
 * All from the main repository, for an image need not have the other. resize2fs and e2label are in e2fsprogs-extra.
 */
const alpine: Family = {
  name: 'alpine',
  ids: ['alpine'],
  programs: [['/bin/sh'], ['/sbin/apk', '/usr/bin/apk']],
  init: openrc,
  systemScript: String.raw`
set -eu
apk add --no-cache openrc openssh-server e2fsprogs e2fsprogs-extra blkid mount umount sfdisk partx python3
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
`,
};

export const families: readonly Family[] = [debian, fedora, alpine];

/**
 * Reads os-release.
 * @see https://www.freedesktop.org/software/systemd/man/latest/os-release.html
 */
export function parseOsRelease(text: string): Distribution {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z0-9_]+)=(.*)$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    const raw = match[2].trim();
    const quoted = /^"(.*)"$/.exec(raw)?.[1] ?? /^'(.*)'$/.exec(raw)?.[1];
    values.set(match[1], (quoted ?? raw).replaceAll(/\\(["$`\\])/g, '$1'));
  }
  const ids = [values.get('ID') ?? 'linux', ...(values.get('ID_LIKE') ?? '').split(/\s+/)];
  return {
    name: values.get('PRETTY_NAME') ?? values.get('NAME') ?? values.get('ID') ?? 'Linux',
    ids: ids.map((id) => id.toLowerCase()).filter((id) => id !== ''),
  };
}

/**
 * How images of this distribution become machines.
 * @param distribution undefined where the image has no os-release
 * @throws SwitchyardError `image.family`
 */
export function familyOf(distribution: Distribution | undefined, image: string): Family {
  // What it is counts more than what it is like.
  for (const id of distribution?.ids ?? []) {
    const family = families.find(({ ids }) => ids.includes(id));
    if (family) return family;
  }
  throw cannotBecome(
    image,
    distribution
      ? l10n.t(
          'It is built on {0}; a machine can be made of Debian, Ubuntu, Fedora and Alpine images.',
          distribution.name,
        )
      : l10n.t('It does not say what distribution it is built on: it has no os-release file.'),
  );
}

/**
 * An image of a family that lacks what every image of that family has.
 * @param programs absolute paths in the image, of which one would do
 */
export function lacks(image: string, programs: readonly string[]): SwitchyardError {
  return cannotBecome(
    image,
    programs.includes('/bin/sh')
      ? l10n.t('It has no shell, so nothing that a machine needs can be added to it.')
      : l10n.t('It has no {0}, so nothing that a machine needs can be added to it.', programs.join(', ')),
  );
}

function cannotBecome(image: string, why: string): SwitchyardError {
  return new SwitchyardError({
    code: 'image.family',
    what: l10n.t('The image {0} cannot become a virtual machine.', image),
    why,
    next: l10n.t(
      'Base the Dockerfile on Debian, Ubuntu, Fedora or Alpine, or open the project in the container.',
    ),
    remedies: [{ do: 'showLog' }],
  });
}
