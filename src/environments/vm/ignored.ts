import * as l10n from '@vscode/l10n';
import type { MergedConfiguration } from '../../engines/devcontainerCli.ts';

/** Properties that mean something to a container engine only, with the reason why a VM has no use for them. */
export function ignoredProperties(
  merged: MergedConfiguration,
): readonly { readonly property: string; readonly reason: string }[] {
  const set = (value: unknown): boolean =>
    Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false && value !== '';
  const engine = l10n.t('It speaks to the container engine; a virtual machine has none around it.');
  const own = l10n.t('A virtual machine has its own kernel: nothing needs to be allowed.');
  const reasons: Readonly<Record<string, string>> = {
    runArgs: engine,
    privileged: own,
    capAdd: own,
    securityOpt: own,
    init: l10n.t('A virtual machine has an init system of its own.'),
    mounts: l10n.t('Mounts are not carried into the virtual machine yet.'),
    workspaceMount: l10n.t('The workspace comes over SSH.'),
    appPort: l10n.t('The virtual machine has an address of its own; its ports need not be published.'),
    entrypoints: l10n.t('Entrypoints are not run in the virtual machine yet.'),
    shutdownAction: l10n.t('What happens on leaving is said by customizations.switchyard.vm.onLeave.'),
    updateRemoteUserUID: l10n.t('Files come over SSH as the remote user: no user id needs to match.'),
  };
  return Object.entries(reasons).flatMap(([property, reason]) =>
    set((merged as Readonly<Record<string, unknown>>)[property]) ? [{ property, reason }] : [],
  );
}
