import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import type { Disposable } from '../../base/disposable.ts';
import type { ErrorReporter } from '../errors.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { WindowProjects } from '../model/windowProjects.ts';
import type { Operations } from '../operations.ts';
import { environmentName } from '../statusText.ts';
import type { Moves } from './moves.ts';

/**
 * What a window does when it has come to a project: inside an environment it opens that, which brings the hooks that
 * are due and keeps the workspace the same; then what it came from is left as the config says. Each project once,
 * and only where the person trusts it.
 */
export function watchArrivals(
  projects: WindowProjects,
  parts: { readonly moves: Moves; readonly operations: Operations; readonly errors: ErrorReporter },
): Disposable {
  const arrived = new WeakSet<ProjectModel>();
  return projects.onDidChange(() => {
    if (!vscode.workspace.isTrusted) return;
    for (const model of projects.models) {
      if (arrived.has(model)) continue;
      arrived.add(model);
      arrive(model, parts).catch((error: unknown) => {
        parts.errors.report(error, model.project.name);
      });
    }
  });
}

async function arrive(
  model: ProjectModel,
  { moves, operations, errors }: Parameters<typeof watchArrivals>[1],
): Promise<void> {
  const { switcher, project, window } = model;
  const here = window.inside ?? 'host';
  const from = await moves.arrive(project.id, here);
  if (here === 'host') {
    // The window's own memory is of before it went inside.
    if (from !== undefined) await switcher.setActive('host');
  } else {
    const environment = model.environment(here);
    const title = l10n.t('Connecting {0} ({1})', project.name, environmentName(here));
    const opened = await operations.run(title, environment, (options) => switcher.open(here, options), {
      quiet: true,
    });
    if (opened?.problem) errors.report(opened.problem, `${title}.`, { severity: 'warning' });
  }
  if (from !== undefined && from !== 'host' && from !== here) switcher.leave(from);
}
