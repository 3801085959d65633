import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { eachModel } from './model/eachModel.ts';
import type { WindowProjects } from './model/windowProjects.ts';

/** What `when` and `enablement` clauses in package.json ask for. */
type ContextKey =
  | 'switchyard.ready'
  | 'switchyard.hasProject'
  | 'switchyard.guestActive'
  | 'switchyard.untrusted'
  | 'switchyard.severalConfigs';

/** Keeps the context keys of the window as the projects are. */
export function trackContextKeys(projects: WindowProjects): Disposable {
  const disposables = new DisposableStore();
  const set = (key: ContextKey, value: boolean): void => {
    void vscode.commands.executeCommand('setContext', key, value);
  };
  const update = (): void => {
    const current = projects.current();
    set('switchyard.hasProject', projects.models.length > 0);
    set('switchyard.guestActive', current !== undefined && current.switcher.active !== 'host');
    set('switchyard.untrusted', !vscode.workspace.isTrusted);
    set('switchyard.severalConfigs', (current?.config.configCount ?? 0) > 1);
  };
  disposables.add(eachModel(projects, (model) => model.switcher.onDidChangeActive(update)));
  disposables.add(
    projects.onDidChange(() => {
      update();
      // Only now is it known that there is none, which the view's welcome tells.
      set('switchyard.ready', true);
    }),
  );
  disposables.add(vscode.window.onDidChangeActiveTextEditor(update));
  update();
  return disposables;
}
