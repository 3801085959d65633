import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { Emitter } from '../../base/event.ts';
import type { Logger } from '../../base/log.ts';
import type { Project } from '../../config/project.ts';
import type { ProjectConfigState, ProjectModel } from './projectModel.ts';

/** What a workspace folder is, as far as its config says. */
export interface ProjectDescription {
  readonly project: Project;
  readonly config: ProjectConfigState;
}

export interface ProjectFactory {
  /** Reads a folder; undefined where it has no config of any sort. */
  describe(folder: vscode.WorkspaceFolder): Promise<ProjectDescription | undefined>;
  build(description: ProjectDescription): Promise<ProjectModel>;
}

/** Files whose coming, going or change makes a folder's project another one. */
const configGlobs = [
  '.devcontainer/devcontainer.json',
  '.devcontainer.json',
  '.devcontainer/*/devcontainer.json',
  'Vagrantfile',
];

/** The projects of this window: one for each workspace folder that has a config. */
export class WindowProjects implements Disposable {
  readonly #factory: ProjectFactory;
  readonly #log: Logger;
  readonly #changed = new Emitter<void>();
  /** Fires when the list of projects, or the config of one, became another one. */
  readonly onDidChange = this.#changed.event;
  readonly #disposables = new DisposableStore();
  #watchers = new DisposableStore();
  #models: readonly ProjectModel[] = [];
  #loading: Promise<void> = Promise.resolve();

  constructor(factory: ProjectFactory, log: Logger) {
    this.#factory = factory;
    this.#log = log;
    this.#disposables.add(vscode.workspace.onDidChangeWorkspaceFolders(() => void this.reload()));
    this.#disposables.add(vscode.workspace.onDidGrantWorkspaceTrust(() => void this.reload()));
  }

  get models(): readonly ProjectModel[] {
    return this.#models;
  }

  /** The project of the open file, else the only or first one. */
  current(): ProjectModel | undefined {
    const uri = vscode.window.activeTextEditor?.document.uri;
    const folder = uri && vscode.workspace.getWorkspaceFolder(uri);
    return this.#models.find((model) => model.project.folder === folder?.uri.fsPath) ?? this.#models[0];
  }

  /** Reads the folders' configs anew. Calls queue, so the last one sees the newest files. */
  async reload(): Promise<void> {
    this.#loading = this.#loading.then(() => this.#load());
    await this.#loading;
  }

  dispose(): void {
    this.#watchers.dispose();
    this.#disposables.dispose();
    for (const model of this.#models) model.dispose();
    this.#models = [];
    this.#changed.dispose();
  }

  async #load(): Promise<void> {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
    const models: ProjectModel[] = [];
    for (const folder of folders) {
      try {
        const description = await this.#factory.describe(folder);
        if (description) models.push(await this.#model(description));
      } catch (error) {
        // One folder never takes the others down.
        this.#log.error(`The folder ${folder.uri.fsPath} cannot be looked after: ${String(error)}`);
      }
    }
    const before = this.#models;
    this.#models = models;
    this.#watch(folders);
    this.#changed.fire();
    for (const model of before) if (!models.includes(model)) model.dispose();
  }

  /** The model that is there already, if it is still the same project; else a new one. */
  async #model(description: ProjectDescription): Promise<ProjectModel> {
    const { id, configFile, name } = description.project;
    const known = this.#models.find(
      ({ project }) => project.id === id && project.configFile === configFile && project.name === name,
    );
    known?.updateConfig(description.config);
    return known ?? this.#factory.build(description);
  }

  #watch(folders: readonly vscode.WorkspaceFolder[]): void {
    this.#watchers.dispose();
    this.#watchers = new DisposableStore();
    for (const folder of folders) {
      for (const glob of configGlobs) {
        const watcher = this.#watchers.add(
          vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, glob)),
        );
        const reload = (): void => void this.reload();
        this.#watchers.add(watcher.onDidCreate(reload));
        this.#watchers.add(watcher.onDidDelete(reload));
        this.#watchers.add(watcher.onDidChange(reload));
      }
    }
  }
}
