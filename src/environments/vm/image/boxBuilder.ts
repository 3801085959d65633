import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as l10n from '@vscode/l10n';
import type Docker from 'dockerode';
import { SwitchyardError } from '../../../base/errors.ts';
import type { Progress } from '../../../base/progress.ts';
import { buildLabel } from '../../buildLabel.ts';
import type { Acceleration } from '../acceleration.ts';
import {
  asReadable,
  buildFailure,
  runStep,
  sweepBuildContainers,
  withBuildContainer,
} from './buildContainer.ts';
import { layerTexts, withOpenImage, type OpenImage } from './changeLayer.ts';
import { familyOf, lacks, parseOsRelease, type Distribution, type Family } from './family.ts';
import { assembleScript, builderContext, guestFiles } from './guestFiles.ts';
import { contentKey, type GuestKeys } from './keys.ts';
import { firstFile, packFiles, type TarFile } from './tar.ts';

/** Bound on installing the system into the image and on writing the disk, in milliseconds. */
const stepMs = 30 * 60_000;

/** Name and content of the builder image go together: another recipe is another image. */
export const builderTag = `switchyard-box-builder:${contentKey(
  ...builderContext().flatMap((file) => [file.path, file.content]),
)}`;

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
    ...guestFiles(family.init, noKeys, acceleration).map((file) => file.path + file.content),
  );
}

export interface BuildOptions {
  /** Of the machines that will be made of the box. */
  readonly acceleration: Acceleration['type'];
  readonly progress: Progress;
  readonly signal: AbortSignal;
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
    const { progress, signal } = options;
    await sweepBuildContainers(this.#docker, signal);
    await this.#ensureBuilder(progress, signal);
    const onLine = (line: string): void => progress.line(line);
    return withOpenImage(this.#docker, { image, builder: builderTag }, { onLine, signal }, use);
  }

  /**
   * Builds a box file (a tar archive with metadata.json, Vagrantfile, box.img and a list of the files on its disk).
   * @param of the id of an image that the engine has, and its family
   * @param boxFile where to write it; removed again where the build fails
   * @throws SwitchyardError `image.buildFailed`, `image.unavailable`, `disk.full`, `timeout`
   */
  async build(
    of: { readonly image: string; readonly family: Family },
    boxFile: string,
    keys: GuestKeys,
    options: BuildOptions,
  ): Promise<void> {
    const { image, family } = of;
    const { progress, signal } = options;
    const onLine = (line: string): void => progress.line(line);
    await sweepBuildContainers(this.#docker, signal);
    await this.#ensureBuilder(progress, signal);
    progress.step(l10n.t('Adding a kernel'));
    const files = guestFiles(family.init, keys, options.acceleration);
    const system = { image, script: family.systemScript, input: false, scratch: [] };
    await withBuildContainer(this.#docker, system, signal, async (layer) => {
      const what = l10n.t('The packages that a virtual machine needs could not be added to the image.');
      await runStep(layer, { what, onLine, signal, timeoutMs: stepMs });
      progress.step(l10n.t('Writing the disk'));
      await this.#assemble(layer, boxFile, files, onLine, signal);
    });
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

  async #ensureBuilder(progress: Progress, signal: AbortSignal): Promise<void> {
    try {
      await this.#docker.getImage(builderTag).inspect();
      return;
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 404) throw error;
    }
    progress.step(l10n.t('Preparing the box builder, once on this computer'));
    const what = l10n.t('The box builder could not be prepared.');
    const stream = await this.#docker.buildImage(Readable.from([await packFiles(builderContext())]), {
      t: builderTag,
      forcerm: true,
      labels: { [buildLabel]: 'builder' },
      abortSignal: signal,
    });
    const output: string[] = [];
    await new Promise<void>((resolve, reject) => {
      this.#docker.modem.followProgress(
        stream,
        (error) => (error ? reject(error) : resolve()),
        (event: { stream?: string; status?: string; error?: string }) => {
          const line = (event.stream ?? event.error ?? event.status ?? '').trimEnd();
          if (line === '') return;
          output.push(line);
          progress.line(line);
        },
      );
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      const text = `${output.join('\n')}\n${error instanceof Error ? error.message : String(error)}`;
      throw /pull access denied|manifest unknown|not found: manifest|dial tcp|no such host|timeout|connection refused/i.test(
        String(error),
      )
        ? new SwitchyardError({
            code: 'image.unavailable',
            what,
            why: l10n.t('The image debian:bookworm is not on this computer and could not be fetched.'),
            next: l10n.t('Check the connection, or load that image into the engine, and try again.'),
            remedies: [{ do: 'retry' }, { do: 'showLog' }],
            detail: text,
            cause: error,
          })
        : buildFailure(what, text, error);
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
