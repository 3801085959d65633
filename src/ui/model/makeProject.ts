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
import type { ActiveStore } from '../../environments/switcher.ts';
import { StartHistory } from '../../metrics/startHistory.ts';
import { ProjectModel } from './projectModel.ts';
import type { ProjectFactory } from './windowProjects.ts';

/** What is remembered of projects. */
export class ProjectMemory {
  readonly #workspace: vscode.Memento;
  readonly #computer: vscode.Memento;

  /** @param workspace the workspace's own @param computer what all windows share */
  constructor(workspace: vscode.Memento, computer: vscode.Memento) {
    this.#workspace = workspace;
    this.#computer = computer;
  }

  active(id: string): EnvironmentKind | undefined {
    return this.#workspace.get<EnvironmentKind>(`active:${id}`);
  }

  async setActive(id: string, kind: EnvironmentKind): Promise<void> {
    await this.#workspace.update(`active:${id}`, kind);
  }

  /** The config that was chosen where the folder has several: its label. A window inside has the same one. */
  chosenConfig(id: string): string | undefined {
    return this.#computer.get<string>(`config:${id}`);
  }

  async chooseConfig(id: string, label: string): Promise<void> {
    await this.#computer.update(`config:${id}`, label);
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
    describe: async (window, hostFolder) => {
      const folder = await realpath(hostFolder);
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
        window,
        config: {
          settings: read.settings,
          problem: read.problem,
          configCount: found.length,
          isConfigChosen: found.length < 2 || memory.chosenConfig(id) !== undefined,
        },
      };
    },
    build: async ({ project, window, config }) => {
      const history = new StartHistory(path.join(project.storage, 'starts.json'), log);
      await history.load();
      return new ProjectModel({
        project,
        window,
        config,
        environments: new Map([...providers].map(([kind, provider]) => [kind, provider.forProject(project)])),
        history,
        store:
          window.inside === undefined
            ? {
                get: () => memory.active(project.id),
                set: (kind) => memory.setActive(project.id, kind),
              }
            : storeOf(window.inside),
        log,
      });
    },
  };
}

/** A window that is inside an environment works there whenever it opens. */
function storeOf(inside: GuestKind): ActiveStore {
  let active: EnvironmentKind = inside;
  return {
    get: () => active,
    set: (kind) => {
      active = kind;
      return Promise.resolve();
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
