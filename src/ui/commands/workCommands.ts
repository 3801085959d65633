import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import type { EnvironmentKind } from '../../base/kinds.ts';
import type { CommandId } from '../commandIds.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import { environmentName } from '../statusText.ts';
import { environmentNodeOf } from '../tree/nodes.ts';
import { kindName } from '../tree/rowText.ts';
import type { CommandServices } from './services.ts';
import { requireTrust, targetEnvironment, targetProject } from './targets.ts';

/** How long a passing message stands in the status bar, in milliseconds. */
const toldMs = 5_000;

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Commands for working in an environment. */
export function workCommands(services: CommandServices): Handlers {
  const { projects, terminals, operations } = services;

  /** Where new work goes: the row's environment, else the active one. */
  const place = (argument: unknown): { model: ProjectModel; kind: EnvironmentKind } => {
    const model = targetProject(projects, argument);
    const row = environmentNodeOf(argument);
    if (row) return { model, kind: row.environment.kind };
    const named =
      typeof argument === 'object' && argument !== null && 'kind' in argument ? argument.kind : undefined;
    if (named === 'container' || named === 'vm' || named === 'host') return { model, kind: named };
    return { model, kind: model.switcher.active };
  };

  return {
    'switchyard.openTerminal': (argument) => {
      const { model, kind } = place(argument);
      if (kind !== 'host') requireTrust();
      terminals.show(model, kind);
    },
    'switchyard.runCommand': async (argument) => {
      const { model, kind } = place(argument);
      if (kind !== 'host') requireTrust();
      const text = await vscode.window.showInputBox({
        title: l10n.t('Run Command in Environment'),
        prompt: l10n.t(
          'Runs in the workspace folder of {0} ({1}).',
          model.project.name,
          environmentName(kind),
        ),
        placeHolder: 'npm test',
      });
      if (text) terminals.runCommand(model, kind, text);
    },
    'switchyard.syncNow': async (argument) => {
      requireTrust();
      const target = await targetEnvironment(services, argument, 'canConnect', l10n.t('Sync Now'));
      if (!target) return;
      const { model, environment } = target;
      const name = `${model.project.name} · ${kindName(environment.kind)}`;
      const done = await operations.run(l10n.t('Syncing {0}', name), environment, async (options) => ({
        report: await model.switcher.syncNow(environment.kind, options),
      }));
      if (!done) return;
      const { report } = done;
      vscode.window.setStatusBarMessage(
        report
          ? l10n.t(
              'Synced: {0} to {1}, {2} to the host.',
              report.toGuest,
              kindName(environment.kind),
              report.toHost,
            )
          : l10n.t('The workspace is mounted: both sides are the same.'),
        toldMs,
      );
    },
  };
}
