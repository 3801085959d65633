import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../../base/errors.ts';
import type { Project } from '../../../config/project.ts';
import type {
  DevcontainerCli,
  DevcontainerTarget,
  ReadConfigurationResult,
} from '../../../engines/devcontainerCli.ts';
import type { ImageConfig } from '../guestSetup.ts';
import { devServiceOf, mountsOver, type DevService } from './devService.ts';
import { composeOthers, type OtherServices } from './guestCompose.ts';

/** What the compose files say of a project: of the service that the machine is made of, and of the others. */
export interface ComposedProject {
  readonly dev: DevService;
  readonly others: OtherServices | undefined;
}

/**
 * Undefined where the config names no compose file.
 * @throws SwitchyardError `docker.missing`, `config.invalid`
 */
export async function readServices(
  project: Project,
  { mergedConfiguration }: Pick<ReadConfigurationResult, 'mergedConfiguration'>,
  devcontainer: Pick<DevcontainerCli, 'readCompose'>,
  target: DevcontainerTarget,
  signal: AbortSignal,
): Promise<ComposedProject | undefined> {
  const { dockerComposeFile, service = '', runServices } = mergedConfiguration;
  if (dockerComposeFile === undefined) return undefined;
  const beside = path.dirname(target.configFile);
  const files = [dockerComposeFile].flat().map((file) => path.resolve(beside, file));
  const model = await devcontainer.readCompose(target, files, signal);
  const found = Object.hasOwn(model.services, service) ? model.services[service] : undefined;
  if (!found) {
    const names = Object.keys(model.services);
    throw new SwitchyardError({
      code: 'config.invalid',
      what: l10n.t('{0} cannot be opened in a virtual machine.', project.name),
      why:
        service === ''
          ? l10n.t('It has a compose file, and does not say which "service" to work in.')
          : l10n.t('"service" is "{0}", and its compose files have no service of that name.', service),
      next: l10n.t('Name one of theirs as "service": {0}.', names.map((name) => `"${name}"`).join(', ')),
      remedies: [
        { do: 'openFile', file: target.configFile },
        ...files.slice(0, 1).map((file) => ({ do: 'openFile', file }) as const),
      ],
    });
  }
  const { folder } = project;
  const written = mergedConfiguration.workspaceFolder?.replace(/(.)\/+$/, '$1');
  const dev = devServiceOf(found, model.volumes, { folder, written });
  const around = { service, runServices, hostFolder: folder, guestFolder: dev.workspaceFolder };
  return { dev, others: composeOthers(model, around) };
}

/** What an image is where a service is made of it. */
export function inService<
  T extends { readonly config: ImageConfig; readonly configuration: ReadConfigurationResult },
>(
  built: T,
  { dev, others }: ComposedProject,
): T & { readonly services?: OtherServices; readonly left: DevService['left'] } {
  const { config, configuration } = built;
  const { mergedConfiguration, workspace } = configuration;
  return {
    ...built,
    config: { env: [...config.env, ...dev.env], user: dev.user ?? config.user },
    configuration: {
      ...configuration,
      mergedConfiguration: {
        ...mergedConfiguration,
        ...(dev.image === undefined ? {} : { image: dev.image }),
        mounts: mountsOver(dev.mounts, mergedConfiguration.mounts),
      },
      workspace: { ...workspace, workspaceFolder: dev.workspaceFolder },
    },
    left: dev.left,
    ...(others ? { services: others } : {}),
  };
}

/** By which the machine's Compose knows the services; what it may be is what both versions of it take. */
export function composeProjectName(project: Pick<Project, 'name'>): string {
  return (
    project.name
      .toLowerCase()
      .replaceAll(/[^a-z0-9_-]/g, '')
      .replace(/^[_-]+/, '') || 'project'
  );
}
