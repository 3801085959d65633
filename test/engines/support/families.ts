/**
 * Images that look like another distribution's, where no registry has the real one: Debian's programs with that one's
 * os-release, without Debian's package manager. A stand-in for its own one "installs" what the image keeps aside, knows
 * packages by that distribution's names, and refuses others.
 */

/** @param packages by its name, the programs that it brings; absolute paths, which may be patterns of the shell */
function keptAside(packages: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(packages)
    .map(
      ([name, files]) => `mkdir -p /opt/packages/${name}; for file in ${files.join(' ')}; do \\
  [ -e "$file" ] || { echo "no $file"; exit 1; }; \\
  mkdir -p "/opt/packages/${name}\${file%/*}"; mv "$file" "/opt/packages/${name}$file"; done`,
    )
    .join('; \\\n');
}

/** @param options shell patterns of what is no package */
function standIn(path: string, options: string): string {
  const script = `#!/bin/sh
set -e
echo "\${0##*/} $*" >> /opt/installed
for name in "$@"; do
  case $name in ${options}) continue ;; esac
  [ -d "/opt/packages/$name" ] || { echo "$name (no such package)" >&2; exit 1; }
  cp -a "/opt/packages/$name/." /
done
`;
  return `printf '%s' '${script.replaceAll('\n', '\\n')}' | sed 's/\\\\n/\\n/g' > ${path}; chmod 755 ${path}`;
}

const release = (text: string): string =>
  `rm -f /etc/os-release /usr/lib/os-release; printf '${text}' > /usr/lib/os-release; ln -s ../usr/lib/os-release /etc/os-release`;

const noDebian = 'rm -rf /usr/bin/apt* /usr/bin/dpkg* /var/lib/dpkg /var/lib/apt /etc/apt';

/** BusyBox for all that it has, OpenRC, no bash, no getent, no GNU programs. */
export const alpineLike = `FROM debian:bookworm
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\
  busybox-static openrc openssh-server e2fsprogs fdisk util-linux python3 \\
  && rm -rf /var/lib/apt/lists/* && useradd --create-home --shell /bin/ash dev
RUN set -e; ${keptAside({
  openrc: ['/usr/sbin/openrc', '/usr/sbin/openrc-run', '/usr/sbin/rc-service', '/usr/bin/rc-status'],
  'openssh-server': ['/usr/sbin/sshd'],
  e2fsprogs: ['/usr/sbin/mke2fs'],
  'e2fsprogs-extra': ['/usr/sbin/resize2fs', '/usr/sbin/e2label'],
  blkid: ['/usr/sbin/blkid'],
  mount: ['/usr/bin/mount'],
  umount: ['/usr/bin/umount'],
  sfdisk: ['/usr/sbin/sfdisk'],
  partx: ['/usr/bin/partx'],
  python3: ['/usr/bin/python3'],
})}
RUN set -e; ${standIn('/usr/sbin/apk', 'add | --*')}; \\
  ${release('ID=alpine\\nPRETTY_NAME="Like Alpine"\\n')}; \\
  sed -i 's,:/bin/bash$,:/bin/ash,' /etc/passwd; ln -s busybox /usr/bin/ash; ln -s ../bin/busybox /usr/sbin/init; \\
  for name in $(busybox --list); do for folder in /usr/bin /usr/sbin; do \\
    [ ! -e $folder/$name ] || [ $name = busybox ] || /bin/busybox ln -sf /bin/busybox $folder/$name; done; done; \\
  ${noDebian}; rm -rf /bin/bash /usr/bin/getent
`;

/** systemd, not yet there, with the places and names of packages as Fedora has them. */
export const fedoraLike = `FROM debian:bookworm
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\
  systemd dbus udev openssh-server sudo iproute2 kmod e2fsprogs fdisk util-linux python3 \\
  && rm -rf /var/lib/apt/lists/* && useradd --create-home --shell /bin/bash dev && usermod -L dev
RUN set -e; ${keptAside({
  systemd: ['/usr/lib/systemd/systemd', '/usr/bin/systemctl'],
  'systemd-udev': ['/usr/bin/udevadm'],
  dbus: ['/usr/bin/dbus-daemon'],
  'openssh-server': ['/usr/sbin/sshd'],
  sudo: ['/usr/bin/sudo'],
  iproute: ['/usr/bin/ip'],
  kmod: ['/usr/bin/kmod'],
  e2fsprogs: ['/usr/sbin/mke2fs', '/usr/sbin/resize2fs'],
  'util-linux': ['/usr/sbin/sfdisk', '/usr/bin/partx'],
  python3: ['/usr/bin/python3'],
})}
RUN set -e; ${standIn('/usr/bin/dnf', 'install | clean | all | -*')}; \\
  ${release('ID=rocky\\nID_LIKE="rhel centos fedora"\\nPRETTY_NAME="Like Rocky Linux"\\n')}; ${noDebian}
`;
