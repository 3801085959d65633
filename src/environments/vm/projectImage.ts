import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { parse } from 'jsonc-parser';
import { SwitchyardError } from '../../base/errors.ts';
import type { Progress } from '../../base/progress.ts';
import { devcontainerId } from '../../config/devcontainerId.ts';
import type { Project } from '../../config/project.ts';
import type { DevcontainerCli, ReadConfigurationResult } from '../../engines/devcontainerCli.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import type { ImageLedger } from '../imageLedger.ts';
import type { ImageConfig } from './guestSetup.ts';
import { inService, readServices } from './services/composedProject.ts';
import type { OtherServices } from './services/guestCompose.ts';
import { withDevcontainerId } from './writtenConfig.ts';

/** The project's image, with its features, as the engine has it. */
export interface ProjectImage {
  readonly id: string;
  /** Ids of the layers of its file system, in order. */
  readonly layers: readonly string[];
  readonly config: ImageConfig;
  readonly configuration: ReadConfigurationResult;
  /** The other services of its compose file. */
  readonly services?: OtherServices;
  /** What of its compose file is left for the machine, and why. */
  readonly left?: OtherServices['left'];
}

function imageBase(project: Project): string {
  return `switchyard-vm-${project.id}`;
}

function imageNameOf(project: Project): string {
  return `${imageBase(project)}:latest`;
}

/** Takes the names off the project's images, and with its last name each image; not what that is made of. */
export async function removeProjectImage(
  project: Project,
  docker: DockerEngine,
  signal: AbortSignal,
): Promise<void> {
  await docker.ask(
    l10n.t('The image of the project cannot be removed.'),
    async (engine, bound) => {
      const filters = JSON.stringify({ reference: [`${imageBase(project)}*`] });
      const images = await engine.listImages({ filters, abortSignal: bound });
      for (const name of images.flatMap(({ RepoTags }) => RepoTags ?? [])) {
        try {
          await engine.getImage(name).remove({ noprune: true, abortSignal: bound });
        } catch (error) {
          // 404: gone by now. 409: a container was made of it by hand; it is the person's now.
          if (![404, 409].includes((error as { statusCode?: number }).statusCode ?? 0)) throw error;
        }
      }
    },
    { signal },
  );
}

/** @throws SwitchyardError `config.missing`, `config.unsupported`, `image.*`, `docker.*` */
export async function buildProjectImage(
  project: Project,
  parts: {
    readonly docker: DockerEngine;
    readonly devcontainer: DevcontainerCli;
    readonly images: ImageLedger;
  },
  options: { readonly progress: Progress; readonly signal: AbortSignal; readonly noCache?: boolean },
): Promise<ProjectImage> {
  const { configFile } = project;
  if (configFile === undefined) {
    throw new SwitchyardError({
      code: 'config.missing',
      what: l10n.t('{0} cannot be opened in a virtual machine.', project.name),
      why: l10n.t('It has no devcontainer.json.'),
      next: l10n.t('Add a configuration.'),
      remedies: [{ do: 'addConfiguration' }],
    });
  }
  const target = { folder: project.folder, configFile, env: await parts.docker.env() };
  options.progress.step(l10n.t('Reading the configuration'));
  const read = await parts.devcontainer.readConfiguration(target, options);
  const configuration = withDevcontainerId(read, devcontainerId(project.folder, configFile));
  const composed = await readServices(project, configuration, parts.devcontainer, target, options.signal);
  options.progress.step(l10n.t('Building the image'));
  // Vagrant's box is named by the image's id, so the name only keeps the image from being cleaned away.
  const imageName = imageNameOf(project);
  // What Compose builds on the way is named after its project: then it is not the container's.
  const env = { ...target.env, COMPOSE_PROJECT_NAME: imageBase(project) };
  const [name = imageName] = await parts.images.build(
    (onImage) =>
      parts.devcontainer.build(composed ? { ...target, env } : target, { ...options, imageName, onImage }),
    options.signal,
  );
  const image = await parts.docker.ask(
    l10n.t('The image of the project cannot be read.'),
    (docker) => docker.getImage(name).inspect(),
    { signal: options.signal },
  );
  const built = {
    id: image.Id,
    layers: image.RootFS.Layers ?? [image.Id],
    // The engine's answer may lack what the image does not say, whatever the types tell.
    config: {
      env: (image.Config as Partial<typeof image.Config> | undefined)?.Env ?? [],
      user: image.Config.User,
    },
    configuration,
  };
  return composed ? inService(built, composed) : built;
}

/** Of everything in the config's files that decides what a machine is like. */
export async function configHash(project: Project): Promise<string> {
  const hash = createHash('sha256');
  if (project.configFile === undefined) return '';
  const text = await readFile(project.configFile, 'utf8');
  hash.update(text);
  const config = parse(text) as
    { build?: { dockerfile?: unknown }; dockerFile?: unknown; dockerComposeFile?: unknown } | undefined;
  const files: unknown[] = [config?.build?.dockerfile ?? config?.dockerFile, config?.dockerComposeFile];
  for (const name of files.flat()) {
    if (typeof name !== 'string') continue;
    const file = path.resolve(path.dirname(project.configFile), name);
    hash.update(await readFile(file).catch(() => Buffer.alloc(0)));
  }
  return hash.digest('hex');
}
