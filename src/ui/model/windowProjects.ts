import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { Emitter } from '../../base/event.ts';
import type { Logger } from '../../base/log.ts';
import type { Project } from '../../config/project.ts';
import type { Place } from '../remote/place.ts';
import type { ProjectConfigState, ProjectModel, ProjectWindow } from './projectModel.ts';

/** What a workspace folder is, as far as its config says. */
export interface ProjectDescription {
  readonly project: Project;
  readonly window: ProjectWindow;
  readonly config: ProjectConfigState;
}

export interface ProjectFactory {
  /**
   * Reads a folder; undefined where it has no config of any sort.
   * @param hostFolder absolute path of the folder on this computer
   */
  describe(window: ProjectWindow, hostFolder: string): Promise<ProjectDescription | undefined>;
  build(description: ProjectDescription): Promise<ProjectModel>;
}

/** Says whose folder a window shows; undefined where it is no project's. */
export type FindPlace = (address: vscode.Uri) => Promise<Place | undefined>;

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
  readonly #findPlace: FindPlace;
  readonly #log: Logger;
  readonly #changed = new Emitter<void>();
  /** Fires when the list of projects, or the config of one, became another one. */
  readonly onDidChange = this.#changed.event;
  readonly #disposables = new DisposableStore();
  #watchers = new DisposableStore();
  #models: readonly ProjectModel[] = [];
  #loading: Promise<void> = Promise.resolve();

  constructor(factory: ProjectFactory, findPlace: FindPlace, log: Logger) {
    this.#factory = factory;
    this.#findPlace = findPlace;
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
    return (folder && this.in(folder)) ?? this.#models[0];
  }

  /** The project of a folder of this window. */
  in(folder: vscode.WorkspaceFolder): ProjectModel | undefined {
    const address = folder.uri.toString();
    return this.#models.find(({ window }) => window.address === address);
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
    const models: ProjectModel[] = [];
    const hostFolders: string[] = [];
    for (const { uri } of vscode.workspace.workspaceFolders ?? []) {
      try {
        const place = await this.#findPlace(uri);
        if (!place) continue;
        hostFolders.push(place.folder);
        const path = place.inside === undefined ? uri.fsPath : uri.path;
        const window = { address: uri.toString(), path, inside: place.inside };
        const description = await this.#factory.describe(window, place.folder);
        if (description) models.push(await this.#model(description));
      } catch (error) {
        // One folder never takes the others down.
        this.#log.error(`The folder ${uri.toString(true)} cannot be looked after: ${String(error)}`);
      }
    }
    const before = this.#models;
    this.#models = models;
    this.#watch(hostFolders);
    this.#changed.fire();
    for (const model of before) if (!models.includes(model)) model.dispose();
  }

  /** The model that is there already, if it is still the same project; else a new one. */
  async #model(description: ProjectDescription): Promise<ProjectModel> {
    const { id, configFile, name } = description.project;
    const { address } = description.window;
    const known = this.#models.find(
      ({ project, window }) =>
        project.id === id &&
        project.configFile === configFile &&
        project.name === name &&
        window.address === address,
    );
    known?.updateConfig(description.config);
    return known ?? this.#factory.build(description);
  }

  /** @param folders on this computer: a window that is inside has the same config, and it is read here */
  #watch(folders: readonly string[]): void {
    this.#watchers.dispose();
    this.#watchers = new DisposableStore();
    for (const folder of folders) {
      for (const glob of configGlobs) {
        const watcher = this.#watchers.add(
          vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(vscode.Uri.file(folder), glob)),
        );
        const reload = (): void => void this.reload();
        this.#watchers.add(watcher.onDidCreate(reload));
        this.#watchers.add(watcher.onDidDelete(reload));
        this.#watchers.add(watcher.onDidChange(reload));
      }
    }
  }
}
