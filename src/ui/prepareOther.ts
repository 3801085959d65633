import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { guestKinds } from '../base/kinds.ts';
import { eachModel } from './model/eachModel.ts';
import type { ProjectModel } from './model/projectModel.ts';
import type { WindowProjects } from './model/windowProjects.ts';
import type { Operations } from './operations.ts';

const setting = 'switchyard.prepareOtherEnvironment';

/**
 * With that setting: makes the kind that a project does not have yet while the person works in the one that it has, and
 * then leaves it as its leave policy says, so that the first toggle is as quick as the second. What exists is never
 * touched.
 */
export function prepareOther(projects: WindowProjects, operations: Operations): Disposable {
  return eachModel(projects, (model) => {
    const prepareIt = (): void => void prepare(model, operations);
    const listening = new DisposableStore();
    listening.add(model.switcher.onDidChangeActive(prepareIt));
    // Asked for while the person is in one already; an editor may also hear late of a file that sets it.
    listening.add(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(setting)) prepareIt();
      }),
    );
    return listening;
  });
}

async function prepare(model: ProjectModel, operations: Operations): Promise<void> {
  const { active, environments } = model.switcher;
  if (active === 'host' || !isWanted()) return;
  const other = guestKinds.find((kind) => kind !== active);
  const environment = other && environments.get(other);
  if (!other || environment?.status.state !== 'absent') return;
  const title =
    other === 'container'
      ? l10n.t('Preparing the container of {0}', model.project.name)
      : l10n.t('Preparing the VM of {0}', model.project.name);
  await operations.run(
    title,
    environment,
    async (options) => {
      if ((await environment.refresh(options.signal)).state !== 'absent') return;
      await model.switcher.open(other, options);
      // Whoever went there in the meantime stays there.
      if (model.switcher.active !== other) await environment.leave(options);
    },
    { quiet: true },
  );
}

function isWanted(): boolean {
  return vscode.workspace.getConfiguration().get<boolean>(setting, false);
}
