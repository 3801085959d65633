import * as l10n from '@vscode/l10n';
import type { ContainerInspectInfo } from 'dockerode';
import { formatBytes } from '../../base/format.ts';
import { readPorts } from '../../config/ports.ts';
import { parseSize } from '../../config/sizes.ts';
import type { WorkspaceMode } from '../../config/settings.ts';
import type { MergedConfiguration } from '../../engines/devcontainerCli.ts';
import type { EnvironmentDetails, Isolation } from '../environment.ts';
import { ignoredProperties } from '../properties.ts';

/** What the engine says about its computer; a part of its `info`. */
export interface EngineInfo {
  readonly KernelVersion?: string;
  readonly SecurityOptions?: readonly string[];
  readonly NCPU?: number;
  /** Bytes. */
  readonly MemTotal?: number;
}

/**
 * How a container is kept apart: its kernel is the one that the engine runs on. Root inside is root
 * outside unless the engine is rootless or maps user ids.
 */
export function isolationOf(info: EngineInfo): Isolation {
  // Each is `name=<what>` with more after a comma, or on old engines the bare name.
  const names = (info.SecurityOptions ?? []).map((option) => option.replace(/^name=/, '').split(',')[0]);
  return {
    kernel: 'shared',
    kernelRelease: info.KernelVersion,
    rootIsHostRoot: !names.includes('rootless') && !names.includes('userns'),
    acceleration: undefined,
  };
}

export function detailsOf(parts: {
  readonly container: ContainerInspectInfo | undefined;
  readonly info: EngineInfo;
  readonly merged: MergedConfiguration | undefined;
  readonly workspaceMode: WorkspaceMode;
  readonly workspaceFolder: string | undefined;
}): EnvironmentDetails {
  const { container, merged } = parts;
  return {
    engineName: container && `${container.Name.replace(/^\//, '')} (${container.Id.slice(0, 12)})`,
    image: container?.Config.Image,
    workspaceMode: parts.workspaceMode,
    workspaceFolder: parts.workspaceFolder,
    isolation: isolationOf(parts.info),
    ports: readPorts(merged ?? {}, true),
    ignored: ignoredOf(merged, parts.info),
  };
}

function ignoredOf(merged: MergedConfiguration | undefined, info: EngineInfo): EnvironmentDetails['ignored'] {
  if (!merged) return [];
  return [
    ...ignoredProperties('container', merged),
    ...unmetRequirements(merged.hostRequirements, info).map((reason) => ({
      property: 'hostRequirements',
      reason,
    })),
  ];
}

/**
 * What the config asks of the computer and the engine's computer does not have, as sentences. A container
 * may use all that is there, so what is met needs nothing done. The disk is not looked at: of an engine
 * elsewhere it is not known.
 * @see https://containers.dev/implementors/json_reference/#min-host-reqs
 */
export function unmetRequirements(
  required: Readonly<Record<string, unknown>> | undefined,
  { NCPU, MemTotal }: EngineInfo,
): readonly string[] {
  const cpus = required?.['cpus'];
  const memory = required?.['memory'];
  const bytes = typeof memory === 'string' ? parseSize(memory) : undefined;
  return [
    ...(typeof cpus === 'number' && NCPU !== undefined && cpus > NCPU
      ? [l10n.t('It asks for {0} CPUs, and Docker has {1}. The container works with fewer.', cpus, NCPU)]
      : []),
    ...(bytes !== undefined && MemTotal !== undefined && bytes > MemTotal
      ? [
          l10n.t(
            'It asks for {0} of memory, and Docker has {1}. The container works with less.',
            formatBytes(bytes),
            formatBytes(MemTotal),
          ),
        ]
      : []),
  ];
}
