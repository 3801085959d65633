import type { Acceleration } from '../acceleration.ts';
import type { TarFile } from './tar.ts';
import { pidFiles } from './wayIn.ts';

/** What a box needs to know of the init system that starts in its machines. */
export interface InitSystem {
  readonly name: 'systemd' | 'openrc';
  /** For the kernel's command line, on top of what every machine has. */
  readonly kernelOptions: readonly string[];
  /**
   * Shell code that runs in the builder, where the guest's root file system is the current folder and has all files
   * already: enables, masks, links.
   */
  readonly arrange: string;
  /** Lines of sshd_config that its builds of OpenSSH know, and others do not. */
  readonly sshdOptions: readonly string[];
  /** Its units or services; paths as `guestFiles` has them. */
  files(acceleration: Acceleration['type']): readonly TarFile[];
}

/**
 * Where the machine's processor is emulated, sshd serves a connection with a copy of the one that listens (`-r`, which
 * newer versions take and pass over). Each connection gets an sshd process of its own, which OpenSSH lets start anew so
 * that it lies at other addresses. In software emulation nothing does, and the start is most of what a login takes.
 */
export function sshdCommand(acceleration: Acceleration['type']): string {
  const options = acceleration === 'tcg' ? '-D -e -r' : '-D -e';
  return `/usr/sbin/sshd ${options} -f /etc/switchyard/sshd_config`;
}

/** A DHCP client that waits neither for udev nor for D-Bus, and is the same in every distribution. */
export const dhcpCommand = `/usr/lib/switchyard/busybox udhcpc -f -p ${pidFiles.network} -i eth0 -t 1000 -T 1 -A 1 -s /usr/lib/switchyard/dhcp`;

/**
 * Whoever waits for the machine waits for a terminal, so the rest of the system starts when the machine has a
 * moment to spare: less than a fifth of one processor is in use for half a second. It waits for a short time
 * only, so that it comes up also where nobody logs in, or somebody works at once. Times of /proc/stat are in
 * hundredths of a second, see proc(5).
 * @param start shell code that starts it
 * @param hurry shell test that is true where somebody waits for the rest of the system
 */
export function restScript(start: string, hurry = 'false'): string {
  return `#!/usr/lib/switchyard/busybox sh
bb=/usr/lib/switchyard/busybox
busy() {
  read -r name user nice system idle wait irq softirq more < /proc/stat
  used=$((user + nice + system + irq + softirq))
}
for half in 1 2 3 4; do ${hurry} || $bb sleep 0.5; done
busy
for half in 1 2 3 4 5 6 7 8 9 10 11 12; do
  ! ${hurry} || break
  before=$used
  $bb sleep 0.5
  busy
  [ $((used - before)) -ge 10 ] || break
done
# What the initial RAM disk left for now.
for device in /sys/bus/pci/devices/*; do
  [ -e "$device/driver" ] || echo "\${device##*/}" > /sys/bus/pci/drivers_probe 2> /dev/null
done
$bb modprobe -a virtio_rng virtio_balloon 2> /dev/null
${start}
`;
}
