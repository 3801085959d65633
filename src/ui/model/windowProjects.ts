import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { Emitter } from '../../base/event.ts';
import type { Logger } from '../../base/log.ts';
import type { ProjectModel } from './projectModel.ts';

/** Makes the model of one workspace folder; undefined where the folder has no config of any sort. */
export type ProjectFactory = (folder: vscode.WorkspaceFolder) => Promise<ProjectModel | undefined>;

/** Files whose coming, going or change makes a folder's project another one. */
const configGlobs = [
  '.devcontainer/devcontainer.json',
  '.devcontainer.json',
  '.devcontainer/*/devcontainer.json',
  'Vagrantfile',
];

/** The projects of this window: one for each workspace folder that has a config. */
export class WindowProjects implements Disposable {
  readonly #make: ProjectFactory;
  readonly #log: Logger;
  readonly #changed = new Emitter<void>();
  /** Fires when the list of projects, or the config of one, became another one. */
  readonly onDidChange = this.#changed.event;
  readonly #disposables = new DisposableStore();
  #watchers = new DisposableStore();
  #models: readonly ProjectModel[] = [];
  #loading: Promise<void> = Promise.resolve();

  constructor(make: ProjectFactory, log: Logger) {
    this.#make = make;
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
        const model = await this.#make(folder);
        if (model) models.push(model);
      } catch (error) {
        // One folder never takes the others down.
        this.#log.error(`The folder ${folder.uri.fsPath} cannot be looked after: ${String(error)}`);
      }
    }
    const before = this.#models;
    this.#models = models;
    this.#watch(folders);
    this.#changed.fire();
    for (const model of before) model.dispose();
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
