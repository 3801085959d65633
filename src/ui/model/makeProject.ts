import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type * as vscode from 'vscode';
import { toSwitchyardError, type SwitchyardError } from '../../base/errors.ts';
import type { EnvironmentKind, GuestKind } from '../../base/kinds.ts';
import type { Logger } from '../../base/log.ts';
import { findConfigs, type ConfigLocation } from '../../config/find.ts';
import { projectId, type Project } from '../../config/project.ts';
import { readSwitchyardConfig, settingsForVagrantfile } from '../../config/read.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { EnvironmentProvider } from '../../environments/environment.ts';
import { StartHistory } from '../../metrics/startHistory.ts';
import { ProjectModel } from './projectModel.ts';
import type { ProjectFactory } from './windowProjects.ts';

/** Remembered for a workspace, in this window's own state. */
export class ProjectMemory {
  readonly #state: vscode.Memento;

  constructor(state: vscode.Memento) {
    this.#state = state;
  }

  active(id: string): EnvironmentKind | undefined {
    return this.#state.get<EnvironmentKind>(`active:${id}`);
  }

  async setActive(id: string, kind: EnvironmentKind): Promise<void> {
    await this.#state.update(`active:${id}`, kind);
  }

  /** The config that was chosen where the folder has several: its label. */
  chosenConfig(id: string): string | undefined {
    return this.#state.get<string>(`config:${id}`);
  }

  async chooseConfig(id: string, label: string): Promise<void> {
    await this.#state.update(`config:${id}`, label);
  }
}

/** Reads workspace folders and builds the models of their projects. */
export function projectFactory(parts: {
  providers: ReadonlyMap<GuestKind, EnvironmentProvider>;
  memory: ProjectMemory;
  /** Absolute path of the extension's storage. */
  storage: string;
  log: Logger;
}): ProjectFactory {
  const { providers, memory, storage, log } = parts;
  return {
    describe: async (workspaceFolder) => {
      const folder = await realpath(workspaceFolder.uri.fsPath);
      const id = projectId(folder);
      const found = await findConfigs(folder);
      const vagrantfile = path.join(folder, 'Vagrantfile');
      const config = chosen(found, memory.chosenConfig(id));
      if (!config && !(await isFile(vagrantfile))) return undefined;
      const read = config ? await readConfig(config) : { settings: settingsForVagrantfile(vagrantfile) };
      const project: Project = {
        id,
        name: read.name ?? path.basename(folder),
        folder,
        configFile: config?.file,
        storage: path.join(storage, 'projects', id),
      };
      return {
        project,
        config: {
          settings: read.settings,
          problem: read.problem,
          configCount: found.length,
          isConfigChosen: found.length < 2 || memory.chosenConfig(id) !== undefined,
        },
      };
    },
    build: async ({ project, config }) => {
      const history = new StartHistory(path.join(project.storage, 'starts.json'), log);
      await history.load();
      return new ProjectModel({
        project,
        config,
        environments: new Map([...providers].map(([kind, provider]) => [kind, provider.forProject(project)])),
        history,
        store: {
          get: () => memory.active(project.id),
          set: (kind) => memory.setActive(project.id, kind),
        },
        log,
      });
    },
  };
}

function chosen(found: readonly ConfigLocation[], label: string | undefined): ConfigLocation | undefined {
  return found.find((location) => location.label === label) ?? found[0];
}

async function readConfig(config: ConfigLocation): Promise<{
  name?: string | undefined;
  settings?: SwitchyardSettings;
  problem?: SwitchyardError;
}> {
  try {
    return await readSwitchyardConfig(config.file);
  } catch (error) {
    return { problem: toSwitchyardError(error, l10n.t('The configuration of this project cannot be read.')) };
  }
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
