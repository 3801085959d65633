import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { EnvironmentKind } from '../base/kinds.ts';
import type { WindowProjects } from './model/windowProjects.ts';
import type { Terminals } from './terminals.ts';

/**
 * The terminal profiles of both kinds, and one that follows the active environment: chosen as VS Code's
 * default profile it makes every new terminal open where the project runs.
 */
export function registerTerminalProfiles(projects: WindowProjects, terminals: Terminals): Disposable {
  const disposables = new DisposableStore();
  const register = (id: string, pick: (active: EnvironmentKind) => EnvironmentKind): void => {
    disposables.add(
      vscode.window.registerTerminalProfileProvider(id, {
        provideTerminalProfile: () => {
          const model = projects.current();
          // In a window without a project the profile is the host's own shell.
          if (!model) return new vscode.TerminalProfile({});
          return new vscode.TerminalProfile(terminals.options(model, pick(model.switcher.active)));
        },
      }),
    );
  };
  register('switchyard.active', (active) => active);
  register('switchyard.container', () => 'container');
  register('switchyard.vm', () => 'vm');
  return disposables;
}
