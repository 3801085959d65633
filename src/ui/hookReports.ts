import * as l10n from '@vscode/l10n';
import type { Disposable } from '../base/disposable.ts';
import type { ErrorReporter } from './errors.ts';
import { eachModel } from './model/eachModel.ts';
import type { WindowProjects } from './model/windowProjects.ts';

/** Tells the person that a hook failed while a terminal was open already. */
export function tellHookFailures(projects: WindowProjects, errors: ErrorReporter): Disposable {
  return eachModel(projects, (model) =>
    model.switcher.onDidFailHook(({ problem }) =>
      errors.report(problem, l10n.t('Setting up {0}.', model.project.name), { severity: 'warning' }),
    ),
  );
}
