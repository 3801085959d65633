import * as l10n from '@vscode/l10n';
import type { ContainerInspectInfo } from 'dockerode';
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
 * Removes the images that were built for a container which is gone, unless another container still uses
 * them.
 */
export async function removeBuiltImages(
  engine: DockerEngine,
  container: ContainerInspectInfo,
  signal: AbortSignal,
): Promise<void> {
  const name = container.Config.Image;
  if (!builtName.test(name)) return;
  // The CLI builds in stages: the project's image, features on it, and one with the UID adapted.
  const base = name
    .replace(/:[^/:]*$/, '')
    .replace(/-uid$/, '')
    .replace(/-features$/, '');
  for (const one of [`${base}-features-uid`, `${base}-uid`, `${base}-features`, base]) {
    await engine.ask(
      l10n.t('The image {0} could not be removed.', one),
      async (docker, bound) => {
        try {
          await docker.getImage(one).remove({ abortSignal: bound });
        } catch (error) {
          // 404: there is no such stage. 409: another container uses it.
          if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
        }
      },
      { signal, timeoutMs: 120_000 },
    );
  }
}
