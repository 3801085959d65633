import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import * as l10n from '@vscode/l10n';
import type Docker from 'dockerode';
import type { Progress } from '../../../base/progress.ts';
import type { Acceleration } from '../acceleration.ts';
import {
  asReadable,
  buildFailure,
  runStep,
  sweepBuildContainers,
  withBuildContainer,
} from './buildContainer.ts';
import { builderTag, ensureBuilder } from './builderImage.ts';
import { layerTexts, withOpenImage, type OpenImage } from './changeLayer.ts';
import { familyOf, lacks, parseOsRelease, type Distribution, type Family } from './family.ts';
import { assembleScript, finishScript, guestFiles } from './guestFiles.ts';
import { contentKey, type GuestKeys } from './keys.ts';
import { firstFile, packFiles, type TarFile } from './tar.ts';

/** Bound on installing the system into the image and on writing the disk, in milliseconds. */
const stepMs = 30 * 60_000;

/**
 * What, besides the image, decides what a box of an image of this family holds. Part of a box's key, so that a new
 * version of Switchyard builds boxes anew where their recipe changed.
 */
export function recipeKey(family: Family, acceleration: Acceleration['type']): string {
  const noKeys = { userPrivate: '', userPublic: '', hostPrivate: '', hostPublic: '' };
  return contentKey(
    builderTag,
    assembleScript,
    ...layerTexts,
    family.systemScript,
    finishScript,
    ...guestFiles(family.init, noKeys, acceleration).map((file) => file.path + file.content),
  );
}

export interface BuildOptions {
  /** Of the machines that will be made of the box. */
  readonly acceleration: Acceleration['type'];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** An image with the packages that a machine needs. */
export interface OpenSystem extends OpenImage {
  /**
   * Writes a box file (a tar archive with metadata.json, Vagrantfile, box.img and a list of the files on its disk).
   * @param boxFile where to write it; removed again where that fails
   * @throws SwitchyardError `image.buildFailed`, `disk.full`, `timeout`
   */
  readonly writeBox: (boxFile: string, keys: GuestKeys) => Promise<void>;
}

/**
 * Makes Vagrant boxes out of container images: a layer with init system and SSH server on top of the
 * image, exported into a builder container that writes a bootable disk. The route and its measurements
 * are in the design notes; it needs no privileged container.
 */
export class BoxBuilder {
  readonly #docker: Docker;

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  /**
   * Lends the files of an image to `use`.
   * @param image id of an image that the engine has
   * @throws SwitchyardError `image.buildFailed`, `image.unavailable`, `disk.full`, `timeout`
   */
  async open<T>(
    image: string,
    options: Pick<BuildOptions, 'progress' | 'signal'>,
    use: (image: OpenImage) => Promise<T>,
  ): Promise<T> {
    const inner = await this.#prepare(options);
    return withOpenImage(this.#docker, { image, builder: builderTag }, inner, use);
  }

  /**
   * Lends the files of an image to `use`, with the packages that a machine needs.
   * @throws SwitchyardError `image.buildFailed`, `image.unavailable`, `disk.full`, `timeout`
   */
  async openSystem<T>(
    { image, family }: { readonly image: string; readonly family: Family },
    options: BuildOptions,
    use: (system: OpenSystem) => Promise<T>,
  ): Promise<T> {
    const inner = await this.#prepare(options);
    const { progress, acceleration } = options;
    progress.step(l10n.t('Adding a kernel'));
    const first = {
      script: family.systemScript + finishScript,
      what: l10n.t('The packages that a virtual machine needs could not be added to the image.'),
    };
    return withOpenImage(this.#docker, { image, builder: builderTag, first }, inner, (opened, layer) => {
      const writeBox = async (boxFile: string, keys: GuestKeys): Promise<void> => {
        progress.step(l10n.t('Writing the disk'));
        const files = guestFiles(family.init, keys, acceleration);
        await this.#assemble(layer, boxFile, files, inner.onLine, inner.signal);
      };
      return use({ ...opened, writeBox });
    });
  }

  async #prepare({ progress, signal }: Pick<BuildOptions, 'progress' | 'signal'>): Promise<{
    onLine: (line: string) => void;
    signal: AbortSignal;
  }> {
    await sweepBuildContainers(this.#docker, signal);
    await ensureBuilder(this.#docker, progress, signal);
    return { onLine: (line) => progress.line(line), signal };
  }

  /** The family of an image, without running anything of it. @throws SwitchyardError `image.family` */
  async family(image: string, signal: AbortSignal): Promise<Family> {
    const step = { image, script: '', input: false, scratch: [] };
    return withBuildContainer(this.#docker, step, signal, async (container) => {
      const family = familyOf(await distributionOf(container, signal), image);
      for (const programs of family.programs) {
        const there = await Promise.all(programs.map((program) => isThere(container, program, signal)));
        if (!there.includes(true)) throw lacks(image, programs);
      }
      return family;
    });
  }

  /** Whether an image has volumes, which a container has elsewhere. */
  async hasVolumes(image: string, signal: AbortSignal): Promise<boolean> {
    const { Config } = await this.#docker.getImage(image).inspect();
    signal.throwIfAborted();
    // The engine says null where there is none, whatever the types tell.
    const { Volumes } = Config as { readonly Volumes?: object | null };
    return Object.keys(Volumes ?? {}).length > 0;
  }

  async #assemble(
    layer: Docker.Container,
    boxFile: string,
    files: readonly TarFile[],
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const what = l10n.t('The disk of the virtual machine could not be written.');
    const step = { image: builderTag, script: assembleScript, input: true, scratch: ['/work'] };
    await withBuildContainer(this.#docker, step, signal, async (builder) => {
      await builder.putArchive(await packFiles(files), { path: '/', abortSignal: signal });
      const input = asReadable(await layer.export({ abortSignal: signal }));
      await runStep(builder, { what, input, onLine, signal, timeoutMs: stepMs });
      const box = asReadable(await builder.getArchive({ path: '/work/out/.', abortSignal: signal }));
      try {
        // Sparse files and all: what comes is the box archive itself.
        await pipeline(box, createWriteStream(boxFile), { signal });
      } catch (error) {
        await rm(boxFile, { force: true });
        signal.throwIfAborted();
        throw buildFailure(what, '', error);
      }
    });
  }
}

async function distributionOf(
  container: Docker.Container,
  signal: AbortSignal,
): Promise<Distribution | undefined> {
  // The second is a link to the first nearly everywhere.
  for (const path of ['/usr/lib/os-release', '/etc/os-release']) {
    try {
      const archive = await container.getArchive({ path, abortSignal: signal });
      const text = await firstFile(asReadable(archive));
      if (text !== undefined) return parseOsRelease(text.toString('utf8'));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  return undefined;
}

async function isThere(container: Docker.Container, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    await container.infoArchive({ path, abortSignal: signal });
    return true;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return false;
  }
}

function isNotFound(error: unknown): boolean {
  return (error as { statusCode?: number }).statusCode === 404;
}
