import { appendFile, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type Docker from 'dockerode';
import { exists } from '../../../base/exists.ts';
import type { Logger } from '../../../base/log.ts';
import { makeOwnedFolder, ownerFile, sweepOwnedFolders } from '../../../base/ownedFolder.ts';
import type { Progress } from '../../../base/progress.ts';
import type { DockerEngine } from '../../../engines/docker.ts';
import { BoxBuilder, type BuildOptions, type OpenSystem } from './boxBuilder.ts';
import { lists, writeBoxRecord, type BoxRecord } from './boxRecord.ts';
import { bootFiles } from './directBoot.ts';
import type { Family } from './family.ts';
import { diskList } from './guestFiles.ts';
import { changeBetween, changeOfSystems, type Hindrance, type ImageChange } from './imageChange.ts';
import { generateKeys } from './keys.ts';
import { expectRoom } from './room.ts';
import { parseTree, type RootTree } from './rootTree.ts';
import type { VagrantBoxes } from './vagrantBoxes.ts';

/** What a box is to be made of. */
export interface BoxSource {
  /** Id of an image that the engine has. */
  readonly image: string;
  readonly family: Family;
  readonly record: BoxRecord;
}

/** A box by its key, and by what Vagrant calls it. */
export interface Called {
  readonly key: string;
  readonly name: string;
}

/** A box with a disk of its own, and the files of what it was made of. */
interface LastBox {
  readonly base: Called;
  readonly image: RootTree;
  readonly system: RootTree;
  readonly disk: RootTree;
}

/** How the folder of a build that is under way begins. */
const unfinished = '.build-';

/** In the folder of a box that stands on another one's disk: what boots a machine and lays the change onto its disk. */
export const changedInitrd = 'initrd.img';

/** Makes boxes: whole, or as what changed since another one. */
export class BoxMaker {
  readonly #folder: string;
  readonly #boxes: VagrantBoxes;
  readonly #vagrantHome: string;
  readonly #docker: DockerEngine;
  readonly #log: Logger;

  /** @param parts `folder`: of all boxes */
  constructor(parts: {
    folder: string;
    vagrantHome: string;
    boxes: VagrantBoxes;
    docker: DockerEngine;
    log: Logger;
  }) {
    this.#folder = parts.folder;
    this.#vagrantHome = parts.vagrantHome;
    this.#boxes = parts.boxes;
    this.#docker = parts.docker;
    this.#log = parts.log;
  }

  /**
   * Makes a box: of what changed since another one where that can be done, else with a disk of its own.
   * @param called its key, and what Vagrant is to call it
   * @param base the other one
   * @throws SwitchyardError; then nothing is left of it
   */
  async make(
    called: Called,
    source: BoxSource,
    base: Called | undefined,
    options: BuildOptions,
  ): Promise<void> {
    const { image, family } = source;
    const last = base && (await this.#lastBox(base));
    if (last) options.progress.step(l10n.t('Looking for what changed in the image'));
    const list = await this.#build((one) =>
      one.open(image, options, async (opened) => {
        if (!last) return opened.list;
        const change = changeBetween(last.image, last.disk, parseTree(opened.list));
        if (!this.#canBeLaid(last, change, options.progress)) return opened.list;
        await this.#finishChanged(called.key, last.base, source, await opened.pack(change, called.key));
        return undefined;
      }),
    );
    if (!list) return;
    await expectRoom([this.#folder, this.#vagrantHome]);
    await this.#build((one) =>
      one.openSystem({ image, family }, options, async (system) => {
        if (last) {
          const images = { old: last.image, next: parseTree(list) };
          const change = changeOfSystems(last.system, last.disk, parseTree(system.list), images);
          if (this.#canBeLaid(last, change, options.progress)) {
            await this.#finishChanged(called.key, last.base, source, await system.pack(change, called.key));
            return;
          }
        }
        await this.#finishWhole(called, source, { image: list, system }, options);
      }),
    );
  }

  /** What a box that there is was made of, and what it holds; undefined where that cannot be read any more. */
  async #lastBox(base: Called): Promise<LastBox | undefined> {
    const folder = path.join(this.#folder, base.key);
    const read = async (file: string): Promise<RootTree> => parseTree(await readFile(file));
    try {
      const [image, system, disk] = await Promise.all([
        read(path.join(folder, lists.image)),
        read(path.join(folder, lists.system)),
        read(path.join(this.#boxes.folder(base.name), diskList)),
      ]);
      return { base, image, system, disk };
    } catch (error) {
      this.#log.warn(`The box ${base.name} cannot be gone on with: ${String(error)}`);
      return undefined;
    }
  }

  #canBeLaid({ base }: LastBox, change: ImageChange | Hindrance, progress: Progress): change is ImageChange {
    if ('hindrance' in change) {
      const named = Buffer.from(change.path, 'latin1').toString('utf8');
      this.#log.info(`The box ${base.name} cannot be gone on with: ${named} (${change.hindrance})`);
      return false;
    }
    const { written, gone } = change;
    progress.line(
      l10n.t(
        'The box is kept: {0} files changed since it was made, {1} are gone.',
        written.length,
        gone.length,
      ),
    );
    return true;
  }

  /** A box that stands on another one's disk. */
  async #finishChanged(key: string, base: Called, { record }: BoxSource, packed: Buffer): Promise<void> {
    await this.#finish(key, async (temporary) => {
      const initrd = path.join(temporary, changedInitrd);
      await copyFile(path.join(this.#boxes.folder(base.name), bootFiles.initrd), initrd);
      await appendFile(initrd, packed);
      await writeBoxRecord(temporary, { ...record, base: base.key });
    });
  }

  /** A box with a disk of its own. */
  async #finishWhole(
    { key, name }: Called,
    { record }: BoxSource,
    of: { readonly image: Buffer; readonly system: OpenSystem },
    { progress, signal }: BuildOptions,
  ): Promise<void> {
    let added = false;
    await this.#finish(key, async (temporary) => {
      try {
        const keys = await generateKeys();
        const file = path.join(temporary, 'new.box');
        await of.system.writeBox(file, keys);
        progress.step(l10n.t('Adding the box to Vagrant'));
        // Left by a build whose record was lost.
        if (await exists(this.#boxes.folder(name))) await this.#boxes.remove(name, signal);
        added = true;
        await this.#boxes.add(name, file, progress, signal);
        await rm(file);
        await writeFile(path.join(temporary, lists.image), of.image);
        await writeFile(path.join(temporary, lists.system), of.system.list);
        await writeFile(path.join(temporary, 'key'), keys.userPrivate, { mode: 0o600 });
        await writeFile(path.join(temporary, 'key.pub'), `${keys.userPublic}\n`);
        await writeFile(path.join(temporary, 'host_key.pub'), `${keys.hostPublic}\n`);
        await writeBoxRecord(temporary, record);
      } catch (error) {
        if (added) await this.#boxes.remove(name, AbortSignal.timeout(120_000));
        throw error;
      }
    });
  }

  /** Fills a folder, which becomes the box's own once it is whole. */
  async #finish(key: string, fill: (temporary: string) => Promise<void>): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    // What builds of windows that crashed left half-made.
    await sweepOwnedFolders(path.join(this.#folder, unfinished));
    const temporary = makeOwnedFolder(path.join(this.#folder, unfinished));
    try {
      await fill(temporary);
      await rm(path.join(temporary, ownerFile));
      await rm(path.join(this.#folder, key), { recursive: true, force: true });
      await rename(temporary, path.join(this.#folder, key));
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  #build<T>(use: (builder: BoxBuilder) => Promise<T>): Promise<T> {
    return this.#docker.ask(
      l10n.t('The box of the virtual machine could not be built.'),
      (docker: Docker) => use(new BoxBuilder(docker)),
      // Not abandoned when the signal fires, but awaited: its containers are gone when this is over.
      { signal: new AbortController().signal, timeoutMs: Infinity },
    );
  }
}
