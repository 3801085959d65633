import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { exists } from '../../../base/exists.ts';
import type { Logger } from '../../../base/log.ts';
import type { Command, Runner } from '../../../base/process.ts';
import { virshCommands } from '../../../engines/virsh.ts';

/** What QEMU itself can boot; paths on the computer of libvirt. */
export interface DirectBoot {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
}

/**
 * Names of the kernel and the initial RAM disk, as they lie beside a box's disk. A kernel that is unpacked already is
 * entered by its 32-bit entry (PVH), and neither unpacks itself nor moves to another address: in software emulation that
 * takes a fifth of a second, and addresses are no secret there anyway.
 * @see https://xenbits.xen.org/docs/unstable/misc/pvh.html
 */
export const bootFiles = { kernel: 'vmlinuz', plainKernel: 'vmlinux', initrd: 'initrd.img' } as const;

/** A file of this computer that libvirt is to have. */
interface Upload {
  readonly file: string;
  readonly volume: string;
}

/** Where vagrant-libvirt keeps the disks, unless it is told otherwise. */
const defaultPool = 'default';

/**
 * Brings kernel and initial RAM disk of a box to libvirt, as volumes, because its QEMU may not read a person's home.
 * A machine that starts with them needs no firmware and no boot loader, which take seconds in software emulation;
 * its disk can boot by itself as well.
 * @param files `complete` is a file that says that both volumes are whole; `initrd` goes in place of the box's own
 * @returns undefined where there is no storage pool yet (the first machine of this computer makes one), or libvirt
 * does not take them
 */
export async function uploadBootFiles(
  runner: Runner,
  files: {
    readonly from: string;
    readonly volumePrefix: string;
    readonly complete: string;
    readonly initrd?: Upload & { readonly complete: string };
  },
  log: Logger,
  signal: AbortSignal,
): Promise<DirectBoot | undefined> {
  const own = (name: string): Upload => ({
    file: path.join(files.from, name),
    volume: `${files.volumePrefix}boot_${name}`,
  });
  const plain = own(bootFiles.plainKernel);
  const kernel = (await exists(plain.file)) ? plain : own(bootFiles.kernel);
  const initrd = own(bootFiles.initrd);
  const ask = <T>(command: Command<T>): Promise<T> => runner.run(command, { signal });
  try {
    const pool = (await ask(virshCommands.pools())).find((one) => one === defaultPool);
    if (pool === undefined) return undefined;
    await bring(ask, pool, [kernel, initrd], files.complete);
    if (files.initrd) await bring(ask, pool, [files.initrd], files.initrd.complete);
    const [kernelPath = '', initrdPath = ''] = await Promise.all(
      [kernel, files.initrd ?? initrd].map(({ volume }) => ask(virshCommands.volumePath(pool, volume))),
    );
    const commandLine = await readFile(path.join(files.from, 'cmdline'), 'utf8');
    return { kernel: kernelPath, initrd: initrdPath, commandLine: commandLine.trim() };
  } catch (error) {
    signal.throwIfAborted();
    log.warn(`The machine boots from its disk: ${String(error)}`);
    return undefined;
  }
}

/** Uploads files where they are not there as a whole. */
async function bring(
  ask: <T>(command: Command<T>) => Promise<T>,
  pool: string,
  files: readonly Upload[],
  complete: string,
): Promise<void> {
  const known = await ask(virshCommands.volumes(pool));
  if ((await exists(complete)) && files.every(({ volume }) => known.includes(volume))) return;
  for (const { file, volume } of files) {
    // Nobody knows whether it is whole.
    if (known.includes(volume)) await ask(virshCommands.volumeDelete(pool, volume));
    await ask(virshCommands.volumeCreate(pool, volume, (await stat(file)).size));
    await ask(virshCommands.volumeUpload(pool, volume, file));
  }
  await writeFile(complete, '');
}
