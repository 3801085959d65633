import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../../src/base/log.ts';
import type { Command, Runner } from '../../../../../src/base/process.ts';
import { uploadBootFiles } from '../../../../../src/environments/vm/image/directBoot.ts';

/** A storage pool; an upload may fail half-way, and leaves its volume. */
class Pool implements Runner {
  readonly volumes = new Map<string, string>();
  pools = 'default\n';
  broken = false;
  uploads = 0;

  async run<T>(command: Command<T>): Promise<T> {
    const option = (name: string): string => command.args[command.args.indexOf(name) + 1] ?? '';
    const verb = command.args.find((arg) => /^(vol|pool)-/.test(arg));
    if (verb === 'pool-list') return command.parse(this.pools);
    if (verb === 'vol-list')
      return command.parse([...this.volumes.keys()].map((v) => ` ${v}   /p/${v}\n`).join(''));
    if (verb === 'vol-path') return command.parse(`/p/${option('--vol')}\n`);
    if (verb === 'vol-delete') this.volumes.delete(option('--vol'));
    if (verb === 'vol-create-as') {
      if (this.volumes.has(option('--name'))) throw new Error('There is one.');
      this.volumes.set(option('--name'), '');
    }
    if (verb === 'vol-upload') {
      this.uploads += 1;
      if (this.broken) throw new Error('cut off');
      this.volumes.set(option('--vol'), path.basename(option('--file')));
    }
    return Promise.resolve(command.parse(''));
  }
}

describe('what QEMU boots by itself', () => {
  const signal = new AbortController().signal;
  let from: string;
  const upload = (pool: Pool): ReturnType<typeof uploadBootFiles> =>
    uploadBootFiles(
      pool,
      { from, volumePrefix: 'box_', complete: path.join(from, 'done') },
      silentLogger,
      signal,
    );

  beforeEach(async () => {
    from = await mkdtemp(path.join(tmpdir(), 'switchyard-boot-'));
    for (const name of ['vmlinuz', 'initrd.img']) await writeFile(path.join(from, name), name);
    await writeFile(path.join(from, 'cmdline'), 'quiet\n');
  });
  afterEach(() => rm(from, { recursive: true }));

  it('is the kernel that is unpacked, where the box has one', async () => {
    await writeFile(path.join(from, 'vmlinux'), 'vmlinux');
    expect(await upload(new Pool())).toMatchObject({ kernel: '/p/box_boot_vmlinux' });
  });

  it('is an initial RAM disk of its own for what changed since the box was made', async () => {
    const pool = new Pool();
    const initrd = {
      file: path.join(from, 'changed'),
      volume: 'box_boot_key_initrd.img',
      complete: path.join(from, 'all'),
    };
    await writeFile(initrd.file, 'changed');
    await upload(pool);
    const files = { from, volumePrefix: 'box_', complete: path.join(from, 'done'), initrd };
    const changed = () => uploadBootFiles(pool, files, silentLogger, signal);
    const boot = { kernel: '/p/box_boot_vmlinuz', initrd: '/p/box_boot_key_initrd.img' };
    expect(await changed()).toMatchObject(boot);
    expect(await changed()).toMatchObject(boot);
    // The box's own stay, for machines that run on it.
    expect(pool.uploads).toBe(3);
    expect([...pool.volumes.keys()].sort()).toEqual([
      'box_boot_initrd.img',
      'box_boot_key_initrd.img',
      'box_boot_vmlinuz',
    ]);
  });

  it('is brought to libvirt once', async () => {
    const pool = new Pool();
    const boot = { kernel: '/p/box_boot_vmlinuz', initrd: '/p/box_boot_initrd.img', commandLine: 'quiet' };
    expect(await upload(pool)).toEqual(boot);
    expect(await upload(pool)).toEqual(boot);
    expect(pool.uploads).toBe(2);
  });

  it('is brought anew where nobody knows that it is whole, and never booted half', async () => {
    const pool = new Pool();
    pool.broken = true;
    expect(await upload(pool)).toBeUndefined();
    pool.broken = false;
    expect(await upload(pool)).toBeDefined();
    expect([...pool.volumes]).toEqual([
      ['box_boot_vmlinuz', 'vmlinuz'],
      ['box_boot_initrd.img', 'initrd.img'],
    ]);
  });

  it('is the disk where there is no storage pool yet', async () => {
    const pool = new Pool();
    pool.pools = '';
    expect(await upload(pool)).toBeUndefined();
    expect(pool.uploads).toBe(0);
  });
});
