import * as l10n from '@vscode/l10n';
import type { ContainerInspectInfo } from 'dockerode';
import type { Project } from '../../config/project.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import { statusOf } from '../../engines/dockerErrors.ts';
import type { EnvironmentState } from '../environment.ts';

/** The labels by which the reference implementation finds a project's container again, and so do we. */
export const folderLabel = 'devcontainer.local_folder';
export const configLabel = 'devcontainer.config_file';

/**
 * The project's container; where several carry its labels, one that runs before one that does not, then
 * the newest. Undefined where there is none.
 * @param known id of the one that it was the last time: while that runs it is the one
 * @throws SwitchyardError
 */
export async function findContainer(
  engine: DockerEngine,
  project: Project,
  signal: AbortSignal,
  known?: string,
): Promise<ContainerInspectInfo | undefined> {
  return engine.ask(
    l10n.t('The container of "{0}" could not be looked up.', project.name),
    async (docker, bound) => {
      const inspect = async (id: string): Promise<ContainerInspectInfo | undefined> => {
        try {
          return await docker.getContainer(id).inspect({ abortSignal: bound });
        } catch (error) {
          if (statusOf(error) === 404) return undefined;
          throw error;
        }
      };
      const same = known === undefined ? undefined : await inspect(known);
      if (same?.State.Status === 'running') return same;
      const listed = await docker.listContainers({
        all: true,
        filters: JSON.stringify({ label: labelsOf(project) }),
        abortSignal: bound,
      });
      const [first] = listed.sort(
        (one, other) =>
          Number(other.State === 'running') - Number(one.State === 'running') || other.Created - one.Created,
      );
      // It may have been removed between the two questions.
      return first && inspect(first.Id);
    },
    { signal },
  );
}

/** Filters of the engine's API that only this project's containers pass. */
export function labelsOf(project: Project): string[] {
  return [
    `${folderLabel}=${project.folder}`,
    ...(project.configFile === undefined ? [] : [`${configLabel}=${project.configFile}`]),
  ];
}

/**
 * @param status of a container, as the API names it
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect
 */
export function stateOf(status: string): EnvironmentState {
  switch (status) {
    case 'running':
      return 'running';
    case 'paused':
      return 'suspended';
    case 'restarting':
      return 'starting';
    case 'removing':
      return 'removing';
    default:
      // created, exited, dead
      return 'stopped';
  }
}
