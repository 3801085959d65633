import * as l10n from '@vscode/l10n';
import type { ContainerInspectInfo } from 'dockerode';
import type { WorkspaceMode } from '../../config/settings.ts';
import type { MergedConfiguration } from '../../engines/devcontainerCli.ts';
import type { EnvironmentDetails, Isolation } from '../environment.ts';

/** What the engine says about its computer; a part of its `info`. */
export interface EngineInfo {
  readonly KernelVersion?: string;
  readonly SecurityOptions?: readonly string[];
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
    ports: portsOf(merged),
    ignored: ignoredOf(merged),
  };
}

/** `forwardPorts` of this container; a port of another service (`db:5432`) is not one of its own. */
export function portsOf(merged: MergedConfiguration | undefined): EnvironmentDetails['ports'] {
  return (merged?.forwardPorts ?? []).flatMap((entry) => {
    const port = Number(entry);
    return Number.isInteger(port) ? [{ port, label: merged?.portsAttributes?.[String(entry)]?.label }] : [];
  });
}

function ignoredOf(merged: MergedConfiguration | undefined): EnvironmentDetails['ignored'] {
  if (!merged) return [];
  return [
    ...(merged.hostRequirements === undefined
      ? []
      : [
          {
            property: 'hostRequirements',
            reason: l10n.t(
              'It sizes the VM. A container may use all of this computer, unless "runArgs" limits it (--cpus, --memory).',
            ),
          },
        ]),
    ...(merged.forwardPorts ?? [])
      .filter((entry) => typeof entry === 'string' && entry.includes(':'))
      .map((entry) => ({
        property: `forwardPorts: ${entry}`,
        reason: l10n.t('Ports of other services are not forwarded yet.'),
      })),
  ];
}
