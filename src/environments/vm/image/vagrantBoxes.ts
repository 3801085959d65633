import { rm } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { exists } from '../../../base/exists.ts';
import type { Logger } from '../../../base/log.ts';
import type { Progress } from '../../../base/progress.ts';
import type { Command, Runner } from '../../../base/process.ts';
import { spokenLines, vagrantCommands, vagrantError } from '../../../engines/vagrant.ts';
import { virshCommands } from '../../../engines/virsh.ts';
import { virshError } from '../../../engines/virshErrors.ts';

/** The boxes as Vagrant has them, and what of them is in libvirt's storage pools. */
export class VagrantBoxes {
  readonly #home: string;
  readonly #runner: Runner;
  readonly #log: Logger;

  /** @param parts `home`: VAGRANT_HOME */
  constructor(parts: { home: string; runner: Runner; log: Logger }) {
    this.#home = parts.home;
    this.#runner = parts.runner;
    this.#log = parts.log;
  }

  /** Where Vagrant keeps the files of a box. */
  folder(name: string): string {
    return path.join(this.#home, 'boxes', name.replaceAll('/', '-VAGRANTSLASH-'), '0', 'libvirt');
  }

  /** @param file a box archive @throws SwitchyardError `vagrant.*` */
  async add(name: string, file: string, progress: Progress, signal: AbortSignal): Promise<void> {
    const what = l10n.t('The box of the virtual machine could not be built.');
    await this.#vagrant(vagrantCommands.boxAdd(name, file), what, progress, signal);
  }

  /** Takes a box out of Vagrant and of libvirt, however much of it is there. @throws SwitchyardError */
  async remove(name: string, signal: AbortSignal): Promise<void> {
    const what = l10n.t('The box {0} could not be removed.', name);
    const whole = path.dirname(path.dirname(this.folder(name)));
    if (await exists(whole)) {
      try {
        await this.#vagrant(vagrantCommands.boxRemove(name), what, undefined, signal);
      } catch (error) {
        this.#log.warn(`vagrant box remove ${name}: ${String(error)}`);
        // An interrupted addition: Vagrant does not know it as a box.
        await rm(whole, { recursive: true, force: true });
      }
    }
    await this.removeVolumes(
      ['vagrant_box_image_', 'boot_'].map((of) => volumePrefix(name) + of),
      signal,
    );
  }

  /** Deletes the volumes whose names begin so, in whichever pool. @throws SwitchyardError `libvirt.*` */
  async removeVolumes(prefixes: readonly string[], signal: AbortSignal): Promise<void> {
    const ask = <T>(command: Command<T>): Promise<T> => this.#runner.run(command, { signal });
    try {
      for (const pool of await ask(virshCommands.pools())) {
        for (const volume of await ask(virshCommands.volumes(pool))) {
          if (!prefixes.some((prefix) => volume.startsWith(prefix))) continue;
          await ask(virshCommands.volumeDelete(pool, volume));
        }
      }
    } catch (error) {
      throw virshError(error, l10n.t('What libvirt has of a box could not be removed.'));
    }
  }

  async #vagrant(
    command: Command<void>,
    what: string,
    progress: Progress | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#runner.run(command, {
        signal,
        onLine: (line) => spokenLines(line).forEach((text) => progress?.line(text)),
      });
    } catch (error) {
      throw vagrantError(error, what);
    }
  }
}

/** How vagrant-libvirt begins the name of a box's copy in a storage pool. */
export function volumePrefix(name: string): string {
  return `${name.replaceAll('/', '-VAGRANTSLASH-')}_`;
}
