import { appendFile, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type Docker from 'dockerode';
import { exists } from '../../../base/exists.ts';
import type { Logger } from '../../../base/log.ts';
import { isOwnerGone, ownerTag } from '../../../base/processLedger.ts';
import type { DockerEngine } from '../../../engines/docker.ts';
import { BoxBuilder, type BuildOptions } from './boxBuilder.ts';
import { imageList, namesIn, writeBoxRecord, type BoxRecord } from './boxRecord.ts';
import type { OpenImage } from './changeLayer.ts';
import { bootFiles } from './directBoot.ts';
import type { Family } from './family.ts';
import { diskList } from './guestFiles.ts';
import { changeBetween } from './imageChange.ts';
import { generateKeys } from './keys.ts';
import { expectRoom } from './room.ts';
import { parseTree } from './rootTree.ts';
import type { VagrantBoxes } from './vagrantBoxes.ts';

/** What a box is to be made of. */
export interface BoxSource {
  /** Id of an image that the engine has. */
  readonly image: string;
  readonly family: Family;
  readonly record: BoxRecord;
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
   * Makes a box with a disk of its own.
   * @param called its key, and what Vagrant is to call it
   * @throws SwitchyardError; then nothing is left of it
   */
  async make(
    called: { readonly key: string; readonly name: string },
    { image, family, record }: BoxSource,
    options: BuildOptions,
  ): Promise<void> {
    const { key, name } = called;
    const { progress, signal } = options;
    await expectRoom([this.#folder, this.#vagrantHome]);
    let added = false;
    await this.#finish(key, async (temporary) => {
      try {
        const keys = await generateKeys();
        const file = path.join(temporary, 'new.box');
        await this.#build((builder) =>
          Promise.all([
            builder.build({ image, family }, file, keys, options),
            builder.open(image, options, ({ list }) => writeFile(path.join(temporary, imageList), list)),
          ]),
        );
        progress.step(l10n.t('Adding the box to Vagrant'));
        // Left by a build whose record was lost.
        if (await exists(this.#boxes.folder(name))) await this.#boxes.remove(name, signal);
        added = true;
        await this.#boxes.add(name, file, progress, signal);
        await rm(file);
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

  /**
   * Makes a box of another one's disk and of what changed in the image since that was written.
   * @param base the other one
   * @returns whether it could be done
   * @throws SwitchyardError; then nothing is left of it
   */
  async makeOn(
    base: { readonly key: string; readonly name: string },
    key: string,
    { image, record }: BoxSource,
    options: BuildOptions,
  ): Promise<boolean> {
    const { progress } = options;
    progress.step(l10n.t('Looking for what changed in the image'));
    const [old, disk] = await Promise.all([
      readFile(path.join(this.#folder, base.key, imageList)),
      readFile(path.join(this.#boxes.folder(base.name), diskList)),
    ]);
    const packed = await this.#build((builder) =>
      builder.open(image, options, async (opened: OpenImage) => {
        const change = changeBetween(parseTree(old), parseTree(disk), parseTree(opened.list));
        if ('hindrance' in change) {
          const named = Buffer.from(change.path, 'latin1').toString('utf8');
          this.#log.info(`The box ${base.name} cannot be gone on with: ${named} (${change.hindrance})`);
          return undefined;
        }
        progress.line(
          l10n.t(
            'The last box is gone on with: {0} changed, {1} removed.',
            change.written.length,
            change.gone.length,
          ),
        );
        return opened.pack(change, key);
      }),
    );
    if (!packed) return false;
    await this.#finish(key, async (temporary) => {
      const initrd = path.join(temporary, changedInitrd);
      await copyFile(path.join(this.#boxes.folder(base.name), bootFiles.initrd), initrd);
      await appendFile(initrd, packed);
      await writeBoxRecord(temporary, { ...record, base: base.key });
    });
    return true;
  }

  /** Fills a folder, which becomes the box's own once it is whole. */
  async #finish(key: string, fill: (temporary: string) => Promise<void>): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await this.#sweep();
    const temporary = await mkdtemp(path.join(this.#folder, unfinished));
    try {
      await writeFile(path.join(temporary, 'owner'), ownerTag());
      await fill(temporary);
      await rm(path.join(temporary, 'owner'));
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

  /** Removes what builds of windows that crashed left half-made. */
  async #sweep(): Promise<void> {
    for (const name of (await namesIn(this.#folder)).filter((one) => one.startsWith(unfinished))) {
      const folder = path.join(this.#folder, name);
      const tag = await readFile(path.join(folder, 'owner'), 'utf8').catch(() => '');
      if (isOwnerGone(tag)) await rm(folder, { recursive: true, force: true });
    }
  }
}
