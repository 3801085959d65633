import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Project } from '../../src/config/project.ts';

const exec = promisify(execFile);

/** Waits for systemd's last job of the boot; that one of them failed is no matter here. */
export const booted = 'systemctl is-system-running --wait > /dev/null || true';

/**
 * A machine of the same box and size as a project's, which a person runs with Vagrant alone, on the network that
 * vagrant-libvirt makes by itself.
 */
export class PeerMachine {
  readonly domain: string;
  readonly #folder: string;
  readonly #project: Project;

  /** @param folder that is not there yet */
  constructor(project: Project, folder: string) {
    this.#project = project;
    this.#folder = folder;
    this.domain = `peer-${project.id}-vm`;
  }

  /** Writes its Vagrantfile, once the project's machine was made. */
  async prepare(): Promise<void> {
    await mkdir(this.#folder);
    const ours = await readFile(path.join(this.#project.storage, 'vm', 'Vagrantfile'), 'utf8');
    const theirs = asAPersonHasIt(ours, `peer-${this.#project.id}-`);
    await writeFile(path.join(this.#folder, 'Vagrantfile'), theirs);
  }

  async vagrant(...args: readonly string[]): Promise<void> {
    await exec('vagrant', args, {
      env: {
        ...process.env,
        VAGRANT_CWD: this.#folder,
        VAGRANT_CHECKPOINT_DISABLE: '1',
        VAGRANT_BOX_UPDATE_CHECK_DISABLE: '1',
      },
    });
  }

  up(): Promise<void> {
    return this.vagrant('up', '--provider', 'libvirt');
  }

  /** Until its boot has ended, which goes on when `vagrant up` has: it takes a processor for seconds. */
  settled(): Promise<void> {
    return this.vagrant('ssh', '-c', booted);
  }

  async remove(): Promise<void> {
    if (existsSync(path.join(this.#folder, 'Vagrantfile'))) await this.vagrant('destroy', '--force');
  }
}

/** Without what Switchyard says of the network and the boot: the box boots as it does by itself. */
function asAPersonHasIt(vagrantfile: string, prefix: string): string {
  return vagrantfile
    .split('\n')
    .filter((line) => !/management_network|libvirt\.(serial|kernel|initrd|cmd_line)/.test(line))
    .map((line) => line.replace(/(default_prefix = ).*/, `$1'${prefix}'`))
    .join('\n');
}
