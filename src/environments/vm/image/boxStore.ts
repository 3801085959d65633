import { access, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { abortable } from '../../../base/abort.ts';
import { SwitchyardError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { Runner } from '../../../base/process.ts';
import type { DockerEngine } from '../../../engines/docker.ts';
import { BoxBuilder, recipeKey, type BuildOptions } from './boxBuilder.ts';
import { BoxMaker, changedInitrd, type BoxSource } from './boxMaker.ts';
import { namesIn, nearestBox, readBoxRecord } from './boxRecord.ts';
import { uploadBootFiles, type DirectBoot } from './directBoot.ts';
import { families, type Family } from './family.ts';
import { contentKey } from './keys.ts';
import { VagrantBoxes, volumePrefix } from './vagrantBoxes.ts';

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
  /**
   * Where its image differs from the one that the disk was made of: the initial RAM disk that lays the difference onto
   * each machine's own disk at its first start. Without it a machine would be of the other image.
   */
  readonly initrd?: string;
}

/** Builds boxes once for each image and recipe, and knows which projects use them. */
export class BoxStore {
  readonly #folder: string;
  readonly #boxes: VagrantBoxes;
  readonly #maker: BoxMaker;
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
    this.#boxes = new VagrantBoxes({ home: parts.vagrantHome, ...parts });
    this.#maker = new BoxMaker({ boxes: this.#boxes, ...parts });
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
    const keyFor = (recipe: string): string => contentKey(recipe, this.#folder, ...layers);
    const recipeOf = (family: Family): string => recipeKey(family, options.acceleration);
    // An image is of one family only, so a box for any of them is the right one, and the image need not be asked.
    const found = await Promise.all(families.map((family) => this.find(keyFor(recipeOf(family)))));
    const there = found.find((one) => one !== undefined);
    const making = async (): Promise<Box> => {
      const { family, hasVolumes } = await this.#look(image, options.signal);
      const recipe = recipeOf(family);
      const source = { image, family, record: { recipe, layers, hasVolumes } };
      return this.#make(keyFor(recipe), source, user, options);
    };
    const box = there ?? (await making());
    await this.#claim(box.key, user);
    return { box, cached: there !== undefined };
  }

  /** Notes that a project uses a box, and the one that it stands on. */
  async #claim(key: string, user: string): Promise<void> {
    const record = await readBoxRecord(path.join(this.#folder, key));
    for (const one of [key, record?.base]) {
      if (one === undefined) continue;
      await mkdir(path.join(this.#folder, one, 'users'), { recursive: true });
      await writeFile(path.join(this.#folder, one, 'users', user), '');
    }
  }

  #look(image: string, signal: AbortSignal): Promise<{ family: Family; hasVolumes: boolean }> {
    return this.#docker.ask(
      l10n.t('The box of the virtual machine could not be built.'),
      async (docker) => {
        const builder = new BoxBuilder(docker);
        const [family, hasVolumes] = await Promise.all([
          builder.family(image, signal),
          builder.hasVolumes(image, signal),
        ]);
        return { family, hasVolumes };
      },
      // Not abandoned when the signal fires, but awaited: its container is gone when this is over.
      { signal: new AbortController().signal, timeoutMs: Infinity },
    );
  }

  /** Builds it, or waits for who does. */
  async #make(key: string, source: BoxSource, user: string, options: BuildOptions): Promise<Box> {
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
      const building = this.#build(key, source, user, options);
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
      const record = await readBoxRecord(folder);
      if (record?.base !== undefined) {
        const initrd = path.join(folder, changedInitrd);
        const [base] = await Promise.all([this.find(record.base), access(initrd)]);
        return base && { ...base, key, initrd };
      }
      const [hostKey, image] = await Promise.all([
        readFile(path.join(folder, 'host_key.pub'), 'utf8'),
        stat(path.join(this.#boxes.folder(name), 'box.img')),
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

  /**
   * What QEMU itself can boot of a box; undefined where the machine has to boot from its disk.
   * @throws SwitchyardError `libvirt.failed` where its disk alone is not the box
   */
  async directBoot({ key, name, initrd }: Box, signal: AbortSignal): Promise<DirectBoot | undefined> {
    const complete = (of: string): string => path.join(this.#folder, of, 'boot-files');
    const files = {
      from: this.#boxes.folder(name),
      volumePrefix: volumePrefix(name),
      complete: complete(keyOf(name)),
      ...(initrd === undefined
        ? {}
        : { initrd: { file: initrd, volume: changedVolume(name, key), complete: complete(key) } }),
    };
    const boot = await uploadBootFiles(this.#runner, files, this.#log, signal);
    if (boot || initrd === undefined) return boot;
    throw new SwitchyardError({
      code: 'libvirt.failed',
      what: l10n.t('What changed in the image could not be brought to libvirt.'),
      why: l10n.t('Its storage pool "default" is not there, or does not take it.'),
      next: l10n.t('See the log, then try again.'),
      remedies: [{ do: 'retry' }, { do: 'showLog' }],
    });
  }

  /**
   * A project no longer uses any box but `keep`. Those that nobody uses any more are removed, also where
   * an attempt that was cancelled left them.
   */
  async release(user: string, keep: string | undefined, signal: AbortSignal): Promise<void> {
    const kept = keep === undefined ? undefined : await readBoxRecord(path.join(this.#folder, keep));
    for (const key of await namesIn(this.#folder)) {
      if (key === keep || key === kept?.base || key.startsWith('.')) continue;
      const users = path.join(this.#folder, key, 'users');
      if (!(await namesIn(users)).includes(user)) continue;
      await rm(path.join(users, user), { force: true });
      if ((await namesIn(users)).length === 0 && !this.#building.has(key)) await this.#remove(key, signal);
    }
  }

  async #build(key: string, source: BoxSource, user: string, options: BuildOptions): Promise<Box> {
    const called = { key, name: boxName(key) };
    const near = await nearestBox(this.#folder, source.record);
    const base = near !== undefined && (await this.find(near)) ? near : undefined;
    if (base !== undefined) {
      // Whoever else gives it up leaves it from now on.
      await this.#claim(base, user);
      await this.#maker.make(called, source, { key: base, name: boxName(base) }, options);
      const box = await this.find(key);
      if (box && (await this.#canBoot(box, options.signal))) return box;
    }
    await this.#maker.make(called, source, undefined, options);
    const box = await this.find(key);
    if (!box) throw new Error(`Vagrant did not keep the box ${called.name}.`);
    return box;
  }

  /** A box on another one's disk is of no use where libvirt does not take its initial RAM disk. */
  async #canBoot(box: Box, signal: AbortSignal): Promise<boolean> {
    if (box.initrd === undefined) return true;
    try {
      await this.directBoot(box, signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn(`The box gets a disk of its own: ${String(error)}`);
      return false;
    }
  }

  /** Takes a box out of Vagrant and libvirt, with its keys. */
  async #remove(key: string, signal: AbortSignal): Promise<void> {
    const base = (await readBoxRecord(path.join(this.#folder, key)))?.base;
    if (base === undefined) await this.#boxes.remove(boxName(key), signal);
    else await this.#boxes.removeVolumes([changedVolume(boxName(base), key)], signal);
    await rm(path.join(this.#folder, key), { recursive: true, force: true });
  }
}

function boxName(key: string): string {
  return `switchyard/${key}`;
}

function keyOf(name: string): string {
  return name.slice(boxName('').length);
}

/** The initial RAM disk of a box that stands on another one's disk; it goes with that at the latest. */
function changedVolume(baseName: string, key: string): string {
  return `${volumePrefix(baseName)}boot_${key}_initrd.img`;
}
