import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { abortable } from '../../../base/abort.ts';
import { exists } from '../../../base/exists.ts';
import type { Logger } from '../../../base/log.ts';
import { isOwnerGone, ownerTag } from '../../../base/processLedger.ts';
import type { Progress } from '../../../base/progress.ts';
import type { Runner } from '../../../base/process.ts';
import type { DockerEngine } from '../../../engines/docker.ts';
import { spokenLines, vagrantCommands, vagrantError } from '../../../engines/vagrant.ts';
import { virshCommands } from '../../../engines/virsh.ts';
import { virshError } from '../../../engines/virshErrors.ts';
import { BoxBuilder, recipeKey, type BuildOptions } from './boxBuilder.ts';
import { uploadBootFiles, type DirectBoot } from './directBoot.ts';
import { families, type Family } from './family.ts';
import { contentKey, generateKeys } from './keys.ts';
import { expectRoom } from './room.ts';

/** A box that Switchyard built, ready for Vagrant. */
export interface Box {
  /** Names its content: the image and the recipe. */
  readonly key: string;
  /** As Vagrant knows it. */
  readonly name: string;
  /** Private key that opens every account of a machine made of it. Mode 0600. */
  readonly privateKeyFile: string;
  /** The machine's SSH host key, as a line in OpenSSH's public key format. */
  readonly hostKey: string;
  /** Bytes of its disk image. */
  readonly diskBytes: number;
}

/** How the folder of a build that is under way begins. */
const unfinished = '.build-';

/** Builds boxes once for each image and recipe, and knows which projects use them. */
export class BoxStore {
  readonly #folder: string;
  readonly #vagrantHome: string;
  readonly #docker: DockerEngine;
  readonly #runner: Runner;
  readonly #log: Logger;
  /** Builds under way: two machines of one image wait for the same box. */
  readonly #building = new Map<string, Promise<Box>>();

  constructor(parts: {
    /** Where boxes' keys and records are kept. */
    folder: string;
    vagrantHome: string;
    docker: DockerEngine;
    runner: Runner;
    log: Logger;
  }) {
    this.#folder = parts.folder;
    this.#vagrantHome = parts.vagrantHome;
    this.#docker = parts.docker;
    this.#runner = parts.runner;
    this.#log = parts.log;
  }

  /**
   * The box of an image for a project, built if there is none yet. Its key is the image's file system:
   * what else an image says (ENV, user, labels) a machine gets when it is made, so a changed hook builds
   * no new box.
   * @param image id of an image that the engine has
   * @param layers ids of the layers of its file system, in order
   * @returns the box, and whether it was there already
   * @throws SwitchyardError
   */
  async ensure(
    image: string,
    layers: readonly string[],
    user: string,
    options: BuildOptions,
  ): Promise<{ box: Box; cached: boolean }> {
    // Vagrant's boxes belong to the whole account: another editor's storage has keys of its own for them.
    const keyFor = (family: Family): string =>
      contentKey(recipeKey(family, options.acceleration), this.#folder, ...layers);
    // An image is of one family only, so a box for any of them is the right one, and the image need not be asked.
    const found = await Promise.all(families.map((family) => this.find(keyFor(family))));
    const there = found.find((one) => one !== undefined);
    const box = there ?? (await this.#make(image, keyFor, options));
    await mkdir(path.join(this.#folder, box.key, 'users'), { recursive: true });
    await writeFile(path.join(this.#folder, box.key, 'users', user), '');
    return { box, cached: there !== undefined };
  }

  /** Builds it, or waits for who does. */
  async #make(image: string, keyFor: (family: Family) => string, options: BuildOptions): Promise<Box> {
    const family = await this.#docker.ask(
      l10n.t('The box of the virtual machine could not be built.'),
      (docker) => new BoxBuilder(docker).family(image, options.signal),
      // Not abandoned when the signal fires, but awaited: its container is gone when this is over.
      { signal: new AbortController().signal, timeoutMs: Infinity },
    );
    const key = keyFor(family);
    for (;;) {
      const other = this.#building.get(key);
      if (other) {
        options.progress.step(l10n.t('Waiting for the same box, which another project is building'));
        const over = other.then(
          () => undefined,
          (error: unknown) => this.#log.debug(`The other build failed: ${String(error)}`),
        );
        await abortable(over, options.signal);
        const box = await this.find(key);
        if (box) return box;
        continue;
      }
      const building = this.#build(key, { image, family }, options);
      this.#building.set(key, building);
      try {
        return await building;
      } finally {
        this.#building.delete(key);
      }
    }
  }

  /** A box that was built and that Vagrant still has. */
  async find(key: string): Promise<Box | undefined> {
    const folder = path.join(this.#folder, key);
    const name = boxName(key);
    try {
      const [hostKey, image] = await Promise.all([
        readFile(path.join(folder, 'host_key.pub'), 'utf8'),
        stat(path.join(this.#imageFolder(name), 'box.img')),
        access(path.join(folder, 'key')),
      ]);
      return {
        key,
        name,
        privateKeyFile: path.join(folder, 'key'),
        hostKey: hostKey.trim(),
        diskBytes: image.size,
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    }
  }

  /** What QEMU itself can boot of a box; undefined where the machine has to boot from its disk. */
  async directBoot({ key, name }: Box, signal: AbortSignal): Promise<DirectBoot | undefined> {
    const complete = path.join(this.#folder, key, 'boot-files');
    const files = { from: this.#imageFolder(name), volumePrefix: volumePrefix(name), complete };
    return uploadBootFiles(this.#runner, files, this.#log, signal);
  }

  /**
   * A project no longer uses any box but `keep`. Those that nobody uses any more are removed, also where
   * an attempt that was cancelled left them.
   */
  async release(user: string, keep: string | undefined, signal: AbortSignal): Promise<void> {
    for (const key of await namesIn(this.#folder)) {
      if (key === keep || key.startsWith('.')) continue;
      const users = path.join(this.#folder, key, 'users');
      if (!(await namesIn(users)).includes(user)) continue;
      await rm(path.join(users, user), { force: true });
      if ((await namesIn(users)).length === 0 && !this.#building.has(key)) await this.#remove(key, signal);
    }
  }

  async #build(
    key: string,
    of: { readonly image: string; readonly family: Family },
    options: BuildOptions,
  ): Promise<Box> {
    const { progress, signal } = options;
    await mkdir(this.#folder, { recursive: true });
    await this.#sweep();
    await expectRoom([this.#folder, this.#vagrantHome]);
    const name = boxName(key);
    const temporary = await mkdtemp(path.join(this.#folder, unfinished));
    await writeFile(path.join(temporary, 'owner'), ownerTag());
    const what = l10n.t('The box of the virtual machine could not be built.');
    let added = false;
    try {
      const keys = await generateKeys();
      const file = path.join(temporary, 'new.box');
      await this.#docker.ask(
        what,
        (docker) => new BoxBuilder(docker).build(of, file, keys, options),
        // Not abandoned when the signal fires, but awaited: its containers are gone when this is over.
        { signal: new AbortController().signal, timeoutMs: Infinity },
      );
      progress.step(l10n.t('Adding the box to Vagrant'));
      // Left by a build whose record was lost.
      if (await exists(this.#imageFolder(name))) await this.#remove(key, signal);
      added = true;
      await this.#vagrant(vagrantCommands.boxAdd(name, file), what, progress, signal);
      await rm(file);
      await rm(path.join(temporary, 'owner'));
      await writeFile(path.join(temporary, 'key'), keys.userPrivate, { mode: 0o600 });
      await writeFile(path.join(temporary, 'key.pub'), `${keys.userPublic}\n`);
      await writeFile(path.join(temporary, 'host_key.pub'), `${keys.hostPublic}\n`);
      await rm(path.join(this.#folder, key), { recursive: true, force: true });
      await rename(temporary, path.join(this.#folder, key));
      const box = await this.find(key);
      if (!box) throw new Error(`Vagrant did not keep the box ${name}.`);
      return box;
    } catch (error) {
      if (added) await this.#remove(key, AbortSignal.timeout(120_000));
      throw error;
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** Removes what builds of windows that crashed left half-made. */
  async #sweep(): Promise<void> {
    for (const name of (await namesIn(this.#folder)).filter((one) => one.startsWith(unfinished))) {
      const folder = path.join(this.#folder, name);
      const tag = await readFile(path.join(folder, 'owner'), 'utf8').catch(() => '');
      if (isOwnerGone(tag)) await rm(folder, { recursive: true, force: true });
    }
  }

  /** Takes a box out of Vagrant and libvirt, with its keys. */
  async #remove(key: string, signal: AbortSignal): Promise<void> {
    const name = boxName(key);
    const what = l10n.t('The box {0} could not be removed.', name);
    if (await exists(path.dirname(path.dirname(this.#imageFolder(name))))) {
      try {
        await this.#vagrant(vagrantCommands.boxRemove(name), what, undefined, signal);
      } catch (error) {
        this.#log.warn(`vagrant box remove ${name}: ${String(error)}`);
        // An interrupted addition: Vagrant does not know it as a box.
        const folder = path.dirname(path.dirname(this.#imageFolder(name)));
        await rm(folder, { recursive: true, force: true });
      }
    }
    try {
      for (const pool of await this.#runner.run(virshCommands.pools(), { signal })) {
        for (const volume of await this.#runner.run(virshCommands.volumes(pool), { signal })) {
          if (!['vagrant_box_image_', 'boot_'].some((what) => volume.startsWith(volumePrefix(name) + what)))
            continue;
          await this.#runner.run(virshCommands.volumeDelete(pool, volume), { signal });
        }
      }
    } catch (error) {
      throw virshError(error, what);
    }
    await rm(path.join(this.#folder, key), { recursive: true, force: true });
  }

  async #vagrant(
    command: ReturnType<typeof vagrantCommands.boxRemove>,
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

  #imageFolder(name: string): string {
    return path.join(this.#vagrantHome, 'boxes', name.replaceAll('/', '-VAGRANTSLASH-'), '0', 'libvirt');
  }
}

/** How vagrant-libvirt begins the name of a box's copy in a storage pool. */
function volumePrefix(name: string): string {
  return `${name.replaceAll('/', '-VAGRANTSLASH-')}_`;
}

function boxName(key: string): string {
  return `switchyard/${key}`;
}

/** Nothing where the folder is not there. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
}
