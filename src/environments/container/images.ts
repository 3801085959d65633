import { createHash } from 'node:crypto';
import * as l10n from '@vscode/l10n';
import type { ContainerInspectInfo } from 'dockerode';
import type { Project } from '../../config/project.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import { statusOf } from '../../engines/dockerErrors.ts';

/** Images that the Dev Containers CLI builds for one project; others (debian, node, …) are not ours to remove. */
const builtName = /^vsc-.+/;

/** When the image of a container was built; what is older than an operation was not built by it. */
export async function imageCreatedAt(
  engine: DockerEngine,
  container: ContainerInspectInfo,
  signal: AbortSignal,
): Promise<Date> {
  const { Created } = await engine.ask(
    l10n.t('The image of the container could not be looked up.'),
    (docker) => docker.getImage(container.Image).inspect(),
    { signal },
  );
  return new Date(Created);
}

/**
 * Removes the images that were built for a project, with the one of its container where that lost its name
 * to a newer one. What another container uses stays.
 * @param removed the container that was there, and what Compose may have built for its services
 * @param alone leaves what they are made of where that has no name: what of it was built for the project is known
 */
export async function removeBuiltImages(
  engine: DockerEngine,
  project: Pick<Project, 'folder'>,
  removed: { readonly container: ContainerInspectInfo; readonly composed: readonly string[] } | undefined,
  alone: boolean,
  signal: AbortSignal,
): Promise<void> {
  const built = await engine.ask(
    l10n.t('The images of the project could not be listed.'),
    (docker, bound) =>
      docker.listImages({
        filters: JSON.stringify({ reference: [`vsc-*-${folderHash(project.folder)}*`] }),
        abortSignal: bound,
      }),
    { signal },
  );
  const names = built.flatMap(({ RepoTags }) => RepoTags ?? []);
  // The CLI builds in stages (image, -features, -uid), each from the one before.
  for (const name of names.toSorted((one, other) => other.length - one.length)) {
    await removeImage(engine, name, signal, alone);
  }
  if (!removed) return;
  await removeReplacedImage(engine, removed.container, signal, alone);
  for (const name of removed.composed) await removeImage(engine, name, signal, alone);
}

/** Removes the image of a container that is gone, where a newer build took its name. */
export async function removeReplacedImage(
  engine: DockerEngine,
  container: ContainerInspectInfo,
  signal: AbortSignal,
  alone = false,
): Promise<void> {
  if (!builtName.test(container.Config.Image)) return;
  const tags = await engine.ask(
    l10n.t('The image of the container could not be looked up.'),
    async (docker) => {
      try {
        return (await docker.getImage(container.Image).inspect()).RepoTags;
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
        return undefined;
      }
    },
    { signal },
  );
  if (tags?.length === 0) await removeImage(engine, container.Image, signal, alone);
}

async function removeImage(
  engine: DockerEngine,
  name: string,
  signal: AbortSignal,
  noprune: boolean,
): Promise<void> {
  await engine.ask(
    l10n.t('The image {0} could not be removed.', name),
    async (docker, bound) => {
      try {
        await docker.getImage(name).remove({ noprune, abortSignal: bound });
      } catch (error) {
        // 404: gone already. 409: another container uses it.
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
      }
    },
    { signal, timeoutMs: 120_000 },
  );
}

/** By this the CLI tells apart the images of folders with the same name. */
function folderHash(folder: string): string {
  return createHash('sha256').update(folder).digest('hex');
}
