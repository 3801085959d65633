import type { Acceleration } from '../acceleration.ts';
import { bootFiles } from './directBoot.ts';
import { dhcpScript, growScript, sshdConfig } from './guestPrograms.ts';
import type { InitSystem } from './initSystem.ts';
import type { GuestKeys } from './keys.ts';
import { listFunction, toolsFolder } from './rootTree.ts';
import type { TarFile } from './tar.ts';
import { wayIn } from './wayIn.ts';

/**
 * What turns the unpacked image into a machine: files that are put into the guest at box build. Every
 * text here is a constant; values come in only as whole files.
 */

/**
 * A processor in software speculates on nothing, so what guards against that is only slow there. QEMU translates
 * code for the address at which it runs: where every program lies at other addresses each time (ASLR), the same code
 * is translated again at each start, which was seen to make the start of a shell four to five times slower. What
 * the kernel tests of its own ciphers at each boot its distribution has tested.
 */
const inSoftware = ['mitigations=off', 'norandmaps', 'cryptomgr.notests'];

/**
 * Device names that do not depend on the machine's slots, a log that reaches the serial console, and first of
 * all what a terminal needs.
 * @see https://www.kernel.org/doc/html/latest/admin-guide/kernel-parameters.html
 */
export function kernelCommandLine(init: InitSystem, acceleration: Acceleration['type']): string {
  const common = ['console=ttyS0', 'quiet', 'net.ifnames=0', ...init.kernelOptions];
  return [...common, ...(acceleration === 'tcg' ? inSoftware : [])].join(' ');
}

/** Of the chipset, which QEMU gives every machine; nothing is attached to it. */
const noModules = 'blacklist ata_piix\nblacklist ata_generic\nblacklist powernow_k8\n';

/** The files for the builder container: what goes into the guest under /in/root, its own input beside it. */
export function guestFiles(init: InitSystem, keys: GuestKeys, acceleration: Acceleration['type']): TarFile[] {
  const sshd = [sshdConfig, ...init.sshdOptions.map((line) => `${line}\n`)].join('');
  return [
    ...init.files(acceleration),
    { path: 'in/root/usr/lib/switchyard/dhcp', mode: 0o755, content: dhcpScript },
    { path: 'in/root/usr/lib/switchyard/grow', mode: 0o755, content: growScript },
    { path: 'in/root/etc/switchyard/sshd_config', mode: 0o644, content: sshd },
    { path: 'in/root/etc/switchyard/authorized_keys', mode: 0o644, content: `${keys.userPublic}\n` },
    { path: 'in/root/etc/switchyard/ssh_host_ed25519_key', mode: 0o600, content: keys.hostPrivate },
    { path: 'in/root/etc/switchyard/ssh_host_ed25519_key.pub', mode: 0o644, content: `${keys.hostPublic}\n` },
    { path: 'in/root/etc/modprobe.d/switchyard.conf', mode: 0o644, content: noModules },
    { path: 'in/arrange', mode: 0o644, content: init.arrange },
    { path: 'in/cmdline', mode: 0o644, content: kernelCommandLine(init, acceleration) },
    {
      path: 'in/kernel',
      mode: 0o644,
      content: acceleration === 'tcg' ? bootFiles.plainKernel : bootFiles.kernel,
    },
  ];
}

/**
 * Runs after a family's own script, as root in the container. Whatever of an account or of the machine's name is decided
 * there, and not when the disk is written, is the same in the list of two images that differ elsewhere.
 */
export const finishScript = String.raw`
cd /
# Without PAM sshd refuses an account whose password is locked by "!", also to a key; "*" is no password.
[ ! -f etc/shadow ] || sed -i -E 's/^([^:]+):!+\*?:/\1:*:/' etc/shadow
# Login shells keep the image's PATH, as in a container that the Dev Containers CLI made.
[ ! -f etc/profile ] ||
  sed -i -E 's/^([[:space:]]*(export )?)PATH="?([^"$;[:space:]]*)"?[[:space:]]*$/\1PATH="$\{PATH:-\3\}"/' etc/profile
# Systemd makes one when it is installed; each machine gets its own at its first boot.
[ ! -f etc/machine-id ] || : > etc/machine-id
rm -f var/lib/dbus/machine-id
`;

/** The list of the files on a box's disk, beside the disk. */
export const diskList = 'files';

/**
 * Runs in the builder container: the image's file system comes in as a tar stream, a Vagrant box's files
 * are left in /work/out. No mount, no loop device, no privilege.
 *
 * Of the kernel's own folders nothing comes along; `--anchored`, for there is a /home/dev and a /usr/include/sys.
 *
 * An ext4 file system made by `mke2fs -d` keeps owners, modes, hard links, devices and extended
 * attributes (file capabilities among them).
 */
export const assembleScript = String.raw`
set -eu
root=/work/root
mkdir -p "$root" /work/out
echo 'Unpacking the image'
tar -x -f - -C "$root" --numeric-owner --same-owner --same-permissions --xattrs --xattrs-include='*' \
  --anchored --exclude='dev/*' --exclude='proc/*' --exclude='sys/*' --exclude='${toolsFolder}'
cd "$root"
rm -f .dockerenv
mkdir -p dev proc sys run tmp
chmod 1777 tmp
# Where the kernel has AppArmor, Docker starts nothing without its parser. An image without it asks for none.
[ -e sbin/apparmor_parser ] || [ -e usr/sbin/apparmor_parser ] || sed -i 's/$/ apparmor=0/' /in/cmdline

echo 'Adding the kernel and the services'
if [ -L lib ]; then modules=usr/lib/modules; else modules=lib/modules; fi
mkdir -p "$modules" usr/lib/switchyard
cp -a /switchyard/modules/. "$modules/"
cp /switchyard/busybox usr/lib/switchyard/busybox
cp /switchyard/vmlinuz /switchyard/initrd.img /in/cmdline /work/out/
kernel=$(cat /in/kernel)
[ ! -e "/switchyard/$kernel" ] || cp "/switchyard/$kernel" /work/out/
cp -a --no-preserve=ownership /in/root/. .
. /in/arrange
rm -f etc/resolv.conf etc/hosts
: > etc/resolv.conf
printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' > etc/hosts
echo '# The root file system is mounted by the initial RAM disk.' > etc/fstab
find=find xargs=xargs b2sum=b2sum
${listFunction}
list . /work/out/${diskList}

echo 'Writing the disk'
apparent=$(du -sm --apparent-size . | cut -f1)
used=$(du -sm . | cut -f1)
[ "$used" -gt "$apparent" ] || used=$apparent
boot_mb=32
root_mb=$((used * 115 / 100 + 200))
total_mb=$((1 + boot_mb + root_mb))
disk=/work/disk.raw
truncate -s "$total_mb"M "$disk"
printf 'label: dos\nstart=2048, size=%d, type=c, bootable\nstart=%d, type=83\n' \
  $((boot_mb * 2048)) $((2048 + boot_mb * 2048)) | sfdisk --quiet "$disk"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$disk" bs=440 count=1 conv=notrunc status=none
truncate -s "$boot_mb"M /work/boot.fat
mkfs.vfat -n SWITCHYARD /work/boot.fat > /dev/null
{
  printf 'default switchyard\nprompt 0\ntimeout 0\nlabel switchyard\n  kernel /vmlinuz\n  initrd /initrd.img\n  append '
  cat /in/cmdline
  echo
} > /work/syslinux.cfg
mcopy -i /work/boot.fat /switchyard/vmlinuz /switchyard/initrd.img /work/syslinux.cfg ::
syslinux --install /work/boot.fat
dd if=/work/boot.fat of="$disk" bs=1M seek=1 conv=notrunc,sparse status=none
mke2fs -q -t ext4 -L switchyard-root -d "$root" \
  -E offset=$(((1 + boot_mb) * 1048576)),lazy_itable_init=1,lazy_journal_init=1 "$disk" "$root_mb"M
qemu-img convert -f raw -O qcow2 "$disk" /work/out/box.img
printf '{"provider":"libvirt","format":"qcow2","virtual_size":%d}\n' $(((total_mb + 1023) / 1024)) \
  > /work/out/metadata.json
# All that matters to the machine stands in the Vagrantfile that each project gets.
echo 'Vagrant.configure("2") { |config| }' > /work/out/Vagrantfile
`;

/**
 * The whole initial RAM disk's program: the few modules a virtio machine needs, then the real system. For each device
 * the kernel works out anew which interrupts there are, which takes a quarter of a second in software emulation: only
 * the disk is bound at once (virtio's numbers for one), beside it the network, with a source of random numbers where
 * the processor is none (getrandom(2) waits for 256 bits), and all others with the rest of the system. What changed in
 * the image since the disk was written may come along with it (changeLayer.ts). The way in comes before the system
 * (wayIn.ts).
 */
const initScript = `#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t devtmpfs dev /dev
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
random=$($bb cat /proc/sys/kernel/random/entropy_avail)
load() { while read -r module; do $bb insmod "/modules/$module"; done < "/modules/$1"; }
bind() {
  for device in devices/*; do
    read -r id < "$device/device"
    case $id in "$1" | "$2") echo "\${device#devices/}" > drivers_probe ;; esac
  done
}
echo 0 > /sys/bus/pci/drivers_autoprobe
load virtio_pci
echo 1 > /sys/bus/pci/drivers_autoprobe
# Its path will be another one soon.
cd /sys/bus/pci
{
  load virtio_net
  bind 0x1000 0x1041
  [ "$random" -ge 256 ] || {
    load virtio_rng
    bind 0x1005 0x1044
  }
} &
load virtio_blk
bind 0x1001 0x1042
cd /
tries=0
until [ -b /dev/vda2 ]; do
  tries=$((tries + 1))
  if [ $tries -gt 600 ]; then
    echo 'switchyard: there is no disk /dev/vda2 after 30 s; powering off'
    $bb poweroff -f
  fi
  $bb usleep 50000
done
$bb mount -t ext4 -o noatime /dev/vda2 /root || {
  echo 'switchyard: the root file system cannot be mounted; powering off'
  $bb poweroff -f
}
[ ! -e /change/lay ] || . /change/lay
# All that is here goes with the switch.
wait
for at in dev proc sys; do $bb mount --move /$at /root/$at; done
[ ! -x /root/${wayIn} ] || $bb chroot /root /${wayIn}
exec $bb switch_root /root /sbin/init
`;

/**
 * The builder image: the tools, and one kernel for every box. The kernel comes from here and not from the
 * project's image, so that it is fetched once, works for any distribution, and no project's image has a
 * hand in another project's kernel. It lies there a second time as it is once it has unpacked itself, where it is packed
 * as Debian 12 packs it (LZ4).
 * @see https://docs.kernel.org/arch/x86/boot.html (setup_sects, payload_offset, payload_length)
 */
export function builderContext(): TarFile[] {
  const dockerfile = String.raw`FROM debian:bookworm
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      e2fsprogs syslinux syslinux-common mtools dosfstools fdisk qemu-utils cpio kmod lz4 busybox-static \
 && mkdir -p /tmp/debs/partial /switchyard \
 && apt-get install -y --no-install-recommends --download-only -o Dir::Cache::archives=/tmp/debs \
      linux-image-cloud-amd64 \
 && for deb in /tmp/debs/linux-image-[0-9]*.deb; do dpkg-deb -x "$deb" /tmp/kernel; done \
 && release=$(ls /tmp/kernel/lib/modules) \
 && depmod -b /tmp/kernel "$release" \
 && mv /tmp/kernel/boot/vmlinuz-* /switchyard/vmlinuz \
 && mv /tmp/kernel/lib/modules /switchyard/modules \
 && cp /bin/busybox /switchyard/busybox \
 && apt-get clean && rm -rf /tmp/debs /tmp/kernel /var/lib/apt/lists/*
RUN cd /switchyard; \
    word() { od -A n -t u4 -j "$1" -N 4 vmlinuz | tr -d ' '; }; \
    setup=$(($(od -A n -t u1 -j 497 -N 1 vmlinuz) + 1)); \
    tail -c +$((setup * 512 + $(word 584) + 1)) vmlinuz | head -c $(($(word 588) - 4)) | lz4 -d -q > vmlinux || rm vmlinux
COPY init /switchyard/init
RUN set -e; cd /switchyard; release=$(ls modules); \
    mkdir -p tree/lib initrd/bin initrd/dev initrd/proc initrd/sys initrd/root initrd/modules; \
    ln -s /switchyard/modules tree/lib/modules; \
    cp busybox initrd/bin/; cp init initrd/init; chmod 755 initrd/init; \
    for module in virtio_pci virtio_blk virtio_net virtio_rng; do \
      modprobe --show-depends -d /switchyard/tree -S "$release" "$module" \
        | sed -n 's/^insmod \([^ ]*\).*/\1/p' > files; \
      : > "initrd/modules/$module"; \
      while read -r file; do \
        name=$(basename "$file"); \
        test ! -e "initrd/modules/$name" || continue; \
        cp "$file" initrd/modules/; \
        echo "$name" >> "initrd/modules/$module"; \
      done < files; \
    done; \
    test -s initrd/modules/virtio_blk; test -s initrd/modules/virtio_net; \
    (cd initrd && find . | cpio --quiet -o -H newc) > initrd.img; \
    rm -rf initrd files tree init
RUN set -e; mkdir -p /switchyard/tools/${toolsFolder}; cd /switchyard/tools/${toolsFolder}; \
    for program in find xargs b2sum tar cpio; do cp "$(command -v "$program")" .; done; \
    ldd find xargs b2sum tar cpio | grep -o '/[^ ]*' | sort -u | while read -r file; do \
      case $file in */ld-*) cp -L "$file" ld.so ;; */lib*) cp -L "$file" . ;; esac; \
    done; \
    test -x ld.so; cp /bin/busybox .
`;
  return [
    { path: 'Dockerfile', mode: 0o644, content: dockerfile },
    { path: 'init', mode: 0o755, content: initScript },
  ];
}
