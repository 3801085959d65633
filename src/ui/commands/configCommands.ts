import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { SwitchyardError } from '../../base/errors.ts';
import { findConfigs } from '../../config/find.ts';
import { composeFileNames, proposeConfig, type FolderListing } from '../../config/propose.ts';
import type { CommandId } from '../commandIds.ts';
import { openFile } from '../errors.ts';
import type { ProjectMemory } from '../model/makeProject.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { ProjectSecrets } from '../secrets.ts';
import { isProjectNode } from '../tree/nodes.ts';
import type { CommandServices } from './services.ts';

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Commands on the project's one config. */
export function configCommands(
  services: CommandServices,
  memory: ProjectMemory,
  secrets: ProjectSecrets,
): Handlers {
  const { projects } = services;

  return {
    'switchyard.openConfiguration': async (argument) => {
      const model = isProjectNode(argument) ? argument.model : projects.current();
      if (!model) throw noFolder();
      const file = model.project.configFile ?? path.join(model.project.folder, 'Vagrantfile');
      await openFile(file, 1, 1);
    },
    'switchyard.chooseConfiguration': async (argument) => {
      const model = isProjectNode(argument) ? argument.model : projects.current();
      if (!model) throw noFolder();
      await chooseConfig(services, memory, model);
    },
    'switchyard.forgetSecrets': async (argument) => {
      const model = isProjectNode(argument) ? argument.model : projects.current();
      if (!model) throw noFolder();
      await secrets.forget(model.project);
      void vscode.window.showInformationMessage(
        l10n.t(
          'The secrets of {0} are forgotten. They are asked for when a hook needs them.',
          model.project.name,
        ),
      );
    },
    'switchyard.addConfiguration': async () => {
      const folder = await pickFolder();
      if (!folder) return;
      const [existing] = await findConfigs(folder.uri.fsPath);
      if (existing) {
        await openFile(existing.file, 1, 1);
        return;
      }
      const text = proposeConfig(folder.name, await listing(folder.uri.fsPath));
      const file = vscode.Uri.joinPath(folder.uri, '.devcontainer', 'devcontainer.json');
      await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(text));
      await openFile(file.fsPath, 1, 1);
      await projects.reload();
    },
  };
}

/**
 * Lets the person choose one of the folder's configs, and opens the project with it.
 * @returns the project as it is then; undefined where none was chosen
 */
export async function chooseConfig(
  { projects }: Pick<CommandServices, 'projects'>,
  memory: ProjectMemory,
  model: ProjectModel,
): Promise<ProjectModel | undefined> {
  const found = await findConfigs(model.project.folder);
  const chosen = await vscode.window.showQuickPick(
    found.map(({ file, label }) => ({
      label,
      description: model.config.isConfigChosen && file === model.project.configFile ? l10n.t('in use') : '',
    })),
    {
      title: l10n.t('Choose Configuration'),
      placeHolder: l10n.t('Which configuration should {0} open with?', model.project.name),
    },
  );
  if (!chosen) return undefined;
  await memory.chooseConfig(model.project.id, chosen.label);
  await projects.reload();
  return projects.models.find(({ project }) => project.id === model.project.id);
}

async function pickFolder(): Promise<vscode.WorkspaceFolder | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  // The config is read on this computer, and this one knows no other's folders.
  if (!folders.some(({ uri }) => uri.scheme === 'file')) throw noFolder();
  return folders.length === 1 ? folders[0] : vscode.window.showWorkspaceFolderPick();
}

function noFolder(): SwitchyardError {
  return new SwitchyardError({
    code: 'config.missing',
    what: l10n.t('There is no project.'),
    why: l10n.t('No folder of this computer is open in this window.'),
    next: l10n.t('Open a folder first.'),
    remedies: [],
  });
}

/** The names in a folder, with the text of the compose files, whose services the proposal names. */
async function listing(folder: string): Promise<FolderListing> {
  const entries = await readdir(folder, { withFileTypes: true });
  return new Map(
    await Promise.all(
      entries
        .filter((entry) => entry.isFile())
        .map(async ({ name }): Promise<[string, string | undefined]> => [
          name,
          composeFileNames.includes(name) ? await readFile(path.join(folder, name), 'utf8') : undefined,
        ]),
    ),
  );
}
