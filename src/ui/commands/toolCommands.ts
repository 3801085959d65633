import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { toSwitchyardError } from '../../base/errors.ts';
import { guestKinds } from '../../base/kinds.ts';
import type { EnvironmentProvider, Requirement } from '../../environments/environment.ts';
import type { CommandId } from '../commandIds.ts';
import { isEnvironmentNode } from '../tree/nodes.ts';
import { kindName } from '../tree/rowText.ts';
import type { CommandServices } from './services.ts';

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Commands about Switchyard itself and what it needs on this computer. */
export function toolCommands(services: CommandServices): Handlers {
  const { log, monitor, others, operations, errors } = services;

  return {
    'switchyard.showLog': () => log.show(true),
    'switchyard.refresh': () => Promise.all([monitor.refreshAll(), others.refreshAll()]),
    'switchyard.showProblem': (argument) => {
      if (!isEnvironmentNode(argument)) return;
      const { problem } = argument.environment.status;
      if (problem) errors.report(problem, problem.what, { severity: 'warning' });
    },
    'switchyard.checkRequirements': async () => {
      const groups = await operations.run(l10n.t('Checking what Switchyard needs'), undefined, ({ signal }) =>
        Promise.all(
          guestKinds.flatMap((kind) => {
            const provider = others.provider(kind);
            return provider ? [check(provider, signal)] : [];
          }),
        ),
      );
      if (groups) await showRequirements(groups);
    },
  };
}

interface Group {
  readonly kind: EnvironmentProvider['kind'];
  readonly requirements: readonly Requirement[];
}

async function check(provider: EnvironmentProvider, signal: AbortSignal): Promise<Group> {
  try {
    return { kind: provider.kind, requirements: await provider.requirements(signal) };
  } catch (error) {
    signal.throwIfAborted();
    const { message } = toSwitchyardError(error, kindName(provider.kind));
    return {
      kind: provider.kind,
      requirements: [{ name: kindName(provider.kind), ok: false, detail: message }],
    };
  }
}

async function showRequirements(groups: readonly Group[]): Promise<void> {
  const items = groups.flatMap(({ kind, requirements }): vscode.QuickPickItem[] => [
    { label: kindName(kind), kind: vscode.QuickPickItemKind.Separator },
    ...requirements.map(({ name, ok, detail }) => ({
      label: `${ok ? '$(pass)' : '$(error)'} ${name}`,
      // A version stands beside the name; what to do about a fault needs a line of its own.
      ...(ok ? { description: detail } : { detail }),
    })),
  ]);
  const missing = groups.flatMap(({ requirements }) => requirements).filter(({ ok }) => !ok).length;
  await vscode.window.showQuickPick(items, {
    title: l10n.t('Requirements'),
    placeHolder:
      missing === 0
        ? l10n.t('Everything is here: both kinds can be opened.')
        : l10n.t('{0} missing.', missing),
  });
}
