import * as l10n from '@vscode/l10n';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { ErrorReporter } from './errors.ts';
import type { WindowProjects } from './model/windowProjects.ts';

/** Tells the person that a hook failed while a terminal was open already. */
export function tellHookFailures(projects: WindowProjects, errors: ErrorReporter): Disposable {
  const disposables = new DisposableStore();
  let listening = disposables.add(new DisposableStore());
  disposables.add(
    projects.onDidChange(() => {
      listening.dispose();
      listening = disposables.add(new DisposableStore());
      for (const model of projects.models) {
        listening.add(
          model.switcher.onDidFailHook(({ problem }) =>
            errors.report(problem, l10n.t('Setting up {0}.', model.project.name), { severity: 'warning' }),
          ),
        );
      }
    }),
  );
  return disposables;
}
