import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type { ContainerInfo, ContainerInspectInfo } from 'dockerode';
import type { DockerEngine } from '../../engines/docker.ts';
import { statusOf } from '../../engines/dockerErrors.ts';

/**
 * Labels that Compose gives to what it makes; it finds its things by them, and so do we.
 * @see https://docs.docker.com/reference/compose-file/ and Compose's own `pkg/api/labels.go`
 */
const projectLabel = 'com.docker.compose.project';
const folderLabel = 'com.docker.compose.project.working_dir';
const serviceLabel = 'com.docker.compose.service';

/** The other services of a container that Compose made: their ids. None for any other container. */
export async function companionsOf(
  engine: DockerEngine,
  container: Pick<ContainerInspectInfo, 'Id' | 'Config'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const project = composeProjectOf(container);
  if (project === undefined) return [];
  const ids = await containersWith(engine, `${projectLabel}=${project}`, signal);
  return ids.filter((id) => id !== container.Id);
}

/** Ids of the containers that Compose made from files of a folder. */
export async function composedIn(
  engine: DockerEngine,
  folder: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return containersWith(engine, `${folderLabel}=${folder}`, signal);
}

/** Removes the networks that Compose made for a container that is gone. Named volumes stay: they hold data. */
export async function removeComposeNetworks(
  engine: DockerEngine,
  container: Pick<ContainerInspectInfo, 'Config'>,
  signal: AbortSignal,
): Promise<void> {
  const project = composeProjectOf(container);
  if (project === undefined) return;
  await engine.ask(
    l10n.t('The networks of the services could not be removed.'),
    async (docker) => {
      const filters = JSON.stringify({ label: [`${projectLabel}=${project}`] });
      for (const { Id } of await docker.listNetworks({ filters })) {
        try {
          await docker.getNetwork(Id).remove();
        } catch (error) {
          // 404: gone already. 403: somebody else's container is in it.
          if (statusOf(error) !== 404 && statusOf(error) !== 403) throw error;
        }
      }
    },
    { signal },
  );
}

/** Names that Compose 1 and Compose 2 give to the images that they build for the services of a container. */
export async function composeImagesOf(
  engine: DockerEngine,
  container: Pick<ContainerInspectInfo, 'Config'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const project = composeProjectOf(container);
  if (project === undefined) return [];
  const services = (await composed(engine, `${projectLabel}=${project}`, signal)).map(
    ({ Labels }) => Labels[serviceLabel],
  );
  return services.flatMap((name) => (name === undefined ? [] : [`${project}_${name}`, `${project}-${name}`]));
}

/** The folder that Compose takes for the project's: that of its first file. Undefined without such files. */
export function composeFolder(
  config: Readonly<Record<string, unknown>>,
  configFile: string,
): string | undefined {
  const [first] = [config['dockerComposeFile']].flat();
  return typeof first === 'string' ? path.dirname(path.resolve(path.dirname(configFile), first)) : undefined;
}

function composeProjectOf({ Config }: Pick<ContainerInspectInfo, 'Config'>): string | undefined {
  return Config.Labels[projectLabel];
}

async function containersWith(
  engine: DockerEngine,
  label: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return (await composed(engine, label, signal)).map(({ Id }) => Id);
}

function composed(
  engine: DockerEngine,
  label: string,
  signal: AbortSignal,
): Promise<readonly ContainerInfo[]> {
  return engine.ask(
    l10n.t('The services could not be listed.'),
    (docker, bound) =>
      docker.listContainers({ all: true, filters: JSON.stringify({ label: [label] }), abortSignal: bound }),
    { signal },
  );
}
