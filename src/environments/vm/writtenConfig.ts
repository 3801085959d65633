import type { Project } from '../../config/project.ts';
import { devcontainerId } from '../../config/devcontainerId.ts';
import type { DevcontainerCli, MergedConfiguration } from '../../engines/devcontainerCli.ts';
import { hookNames } from '../hooks/plan.ts';
import type { OperationOptions } from '../environment.ts';

/**
 * The configuration of a machine that no image has a part in: what is written, in the form of a merged one.
 * A project that has only a Vagrantfile has an empty one.
 * @throws SwitchyardError
 */
export async function readWrittenConfig(
  project: Project,
  devcontainer: DevcontainerCli,
  options: OperationOptions,
): Promise<MergedConfiguration> {
  const { configFile, folder } = project;
  if (configFile === undefined) return {};
  const written = await devcontainer.readWritten({ folder, configFile }, options);
  return asMerged(written, devcontainerId(folder, configFile));
}

/** @param written as the CLI answers, which leaves `${devcontainerId}` to whoever merges */
export function asMerged(written: Readonly<Record<string, unknown>>, id: string): MergedConfiguration {
  const substituted = withDevcontainerId(written, id);
  const hooks = hookNames.flatMap((hook) => {
    const command = substituted[hook];
    return command === undefined || command === null ? [] : [[`${hook}s`, [command]] as const];
  });
  const names = new Set<string>([...hookNames, 'configFilePath']);
  const rest = Object.entries(substituted).filter(([name]) => !names.has(name));
  return Object.fromEntries([...rest, ...hooks]);
}

/** The CLI puts it in only where it makes a container. */
export function withDevcontainerId<T extends object>(config: T, id: string): T {
  return replaceIn(config, id) as T;
}

function replaceIn(value: unknown, id: string): unknown {
  if (typeof value === 'string') return value.replaceAll('${devcontainerId}', () => id);
  if (Array.isArray(value)) return value.map((one) => replaceIn(one, id));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaceIn(one, id)]));
}
