import { execFile } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { virsh } from '../engines/support/vm.ts';

const exec = promisify(execFile);

/** Where each partition of its disk begins, and the size of the boot partition, in sectors of 512 bytes. */
const bootStart = 2048;
const bootSectors = 131_072;
const rootStart = bootStart + bootSectors;

/**
 * What Debian's installer leaves with "standard system utilities" and "SSH server", on one disk. The loader is
 * syslinux, as in our boxes, so there is no boot menu that waits five seconds.
 */
const dockerfile = String.raw`FROM debian:bookworm AS stock
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y linux-image-amd64 openssh-server systemd-sysv \
      $(apt-cache dumpavail | awk '/^Package: /{name=$2} /^Priority: (important|standard)$/{print name}' | sort -u) \
 && apt-get clean
RUN printf 'auto lo\niface lo inet loopback\nallow-hotplug eth0\niface eth0 inet dhcp\n' > /etc/network/interfaces \
 && echo '/dev/vda2 / ext4 errors=remount-ro 0 1' > /etc/fstab && : > /etc/machine-id
COPY key.pub /root/.ssh/authorized_keys
RUN chmod 700 /root/.ssh && chmod 600 /root/.ssh/authorized_keys

FROM debian:bookworm
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      e2fsprogs syslinux syslinux-common mtools dosfstools fdisk qemu-utils
COPY --from=stock / /stock
RUN set -eu; truncate -s 4G /disk.raw; rm -f /stock/.dockerenv; \
    printf 'label: dos\nstart=${bootStart}, size=${bootSectors}, type=c, bootable\nstart=${rootStart}, type=83\n' \
      | sfdisk --quiet /disk.raw; \
    dd if=/usr/lib/syslinux/mbr/mbr.bin of=/disk.raw bs=440 count=1 conv=notrunc status=none; \
    truncate -s ${bootSectors * 512} /boot.fat; mkfs.vfat /boot.fat; \
    printf 'default stock\nprompt 0\nlabel stock\n  kernel /vmlinuz\n  initrd /initrd.img\n  append %s\n' \
      'root=/dev/vda2 ro quiet net.ifnames=0' > /syslinux.cfg; \
    mcopy -i /boot.fat /stock/boot/vmlinuz-* ::vmlinuz; \
    mcopy -i /boot.fat /stock/boot/initrd.img-* ::initrd.img; \
    mcopy -i /boot.fat /syslinux.cfg ::; syslinux --install /boot.fat; \
    dd if=/boot.fat of=/disk.raw bs=512 seek=${bootStart} conv=notrunc,sparse status=none; \
    mke2fs -q -t ext4 -d /stock -E offset=${rootStart * 512} /disk.raw 4000M; \
    qemu-img convert -O qcow2 /disk.raw /disk.qcow2; rm /disk.raw
`;

/** A machine with a stock install of Debian, and but for its disk just like one of ours. */
export class StockMachine {
  readonly domain: string;
  readonly keyFile: string;
  readonly #folder: string;

  private constructor(name: string, folder: string) {
    this.domain = name;
    this.#folder = folder;
    this.keyFile = path.join(folder, 'key');
  }

  /**
   * @param name of the domain, its disk and the image it is made of: nobody else's
   * @param folder that is not there yet
   * @param like the domain to be like
   */
  static async make(name: string, folder: string, like: string): Promise<StockMachine> {
    const stock = new StockMachine(name, folder);
    await mkdir(folder);
    await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stock.keyFile]);
    await chmod(`${stock.keyFile}.pub`, 0o644);
    await writeFile(path.join(folder, 'Dockerfile'), dockerfile);
    try {
      await exec('docker', ['build', '--quiet', '--tag', name, folder], { maxBuffer: 2 ** 26 });
      const disk = path.join(folder, 'disk.qcow2');
      await exec('docker', ['create', '--name', name, name, 'true']);
      await exec('docker', ['cp', `${name}:/disk.qcow2`, disk]);
      await virsh('vol-create-as', 'default', `${name}.img`, '4G', '--format', 'qcow2');
      await virsh('vol-upload', `${name}.img`, disk, '--pool', 'default');
      await rm(disk);
      const image = (await virsh('vol-path', `${name}.img`, '--pool', 'default')).trim();
      const xml = path.join(folder, 'domain.xml');
      await writeFile(xml, asStock(await virsh('dumpxml', like), name, image));
      await virsh('define', xml);
      return stock;
    } catch (error) {
      await stock.remove();
      throw error;
    }
  }

  async remove(): Promise<void> {
    const { domain } = this;
    const [domains, running, volumes] = await Promise.all([
      virsh('list', '--all', '--name'),
      virsh('list', '--name'),
      virsh('vol-list', 'default'),
    ]);
    if (running.split('\n').includes(domain)) await virsh('destroy', domain);
    if (domains.split('\n').includes(domain)) await virsh('undefine', domain);
    if (volumes.includes(`${domain}.img`)) await virsh('vol-delete', '--pool', 'default', `${domain}.img`);
    await exec('docker', ['rm', '--force', domain]);
    await exec('docker', ['image', 'rm', '--force', domain]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The same machine with another name, disk and address, and no console file. */
function asStock(xml: string, name: string, disk: string): string {
  return xml
    .replace(/<name>.*<\/name>/, `<name>${name}</name>`)
    .replace(/\s*<uuid>.*<\/uuid>/, '')
    .replace(/\s*<mac address=[^>]*>/, '')
    .replace(/(<disk [^]*?<source file=')[^']*/, `$1${disk}`)
    .replace(/\s*<backingStore[^]*<\/backingStore>/, '')
    .replaceAll(/\s*<(kernel|initrd|cmdline)>[^<]*<\/\1>/g, '')
    .replaceAll(/<(serial|console) [^]*?<\/\1>\s*/g, '');
}
