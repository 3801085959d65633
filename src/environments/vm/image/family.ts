import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../../base/errors.ts';

/** What an image's /etc/os-release says of its distribution. */
export interface Distribution {
  /** As a person knows it: "Debian GNU/Linux 12 (bookworm)". */
  readonly name: string;
  /** `ID` and what `ID_LIKE` names, in lower case. */
  readonly ids: readonly string[];
}

/** A group of distributions that become a machine in the same way. */
export interface Family {
  readonly name: 'debian';
  /** Without which nothing can be added to an image; absolute paths in it. */
  readonly programs: readonly string[];
  /** Runs as root in a container of the image; afterwards the image can boot with systemd and has sshd. */
  readonly systemScript: string;
}

// python3 runs the agent of the workspace sync.
const debian: Family = {
  name: 'debian',
  programs: ['/bin/sh', '/usr/bin/apt-get'],
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
  if (distribution?.ids.some((id) => id === 'debian' || id === 'ubuntu')) return debian;
  throw cannotBecome(
    image,
    distribution
      ? l10n.t('It is built on {0}; a machine can be made of Debian and Ubuntu images.', distribution.name)
      : l10n.t('It does not say what distribution it is built on: it has no os-release file.'),
  );
}

/** An image of a family that lacks what every image of that family has. @param program absolute path in the image */
export function lacks(image: string, program: string): SwitchyardError {
  return cannotBecome(
    image,
    program === '/bin/sh'
      ? l10n.t('It has no shell, so nothing that a machine needs can be added to it.')
      : l10n.t('It has no {0}, so nothing that a machine needs can be added to it.', program),
  );
}

function cannotBecome(image: string, why: string): SwitchyardError {
  return new SwitchyardError({
    code: 'image.family',
    what: l10n.t('The image {0} cannot become a virtual machine.', image),
    why,
    next: l10n.t('Base the Dockerfile on Debian or Ubuntu, or open the project in the container.'),
    remedies: [{ do: 'showLog' }],
  });
}
