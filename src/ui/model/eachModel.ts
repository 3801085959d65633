import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import type { ProjectModel } from './projectModel.ts';
import type { WindowProjects } from './windowProjects.ts';

/** Listens to every project of the window, also to those that are opened later, and no longer to those that go. */
export function eachModel(projects: WindowProjects, listen: (model: ProjectModel) => Disposable): Disposable {
  const disposables = new DisposableStore();
  let listening = new DisposableStore();
  const listenToAll = (): void => {
    listening.dispose();
    listening = new DisposableStore();
    for (const model of projects.models) listening.add(listen(model));
  };
  disposables.add(projects.onDidChange(listenToAll));
  disposables.add({ dispose: () => listening.dispose() });
  listenToAll();
  return disposables;
}
