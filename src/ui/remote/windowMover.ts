import * as vscode from 'vscode';
import type { EnvironmentKind } from '../../base/kinds.ts';
import type { Doors } from '../../ssh/doors.ts';
import type { WindowCredentials } from '../credentials/windowCredentials.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { Moves } from './moves.ts';
import { installedExtensions, offerExtension, openDoor, openRemoteWindow } from './openRemote.ts';
import { openInValues, whereTo, type OpenIn, type WhereTo } from './whereTo.ts';

/** Takes the window itself from one environment of a project to another, with the same folder. */
export class WindowMover {
  readonly #doors: Doors;
  readonly #moves: Moves;
  readonly #credentials: WindowCredentials;

  constructor(doors: Doors, moves: Moves, credentials: WindowCredentials) {
    this.#doors = doors;
    this.#moves = moves;
    this.#credentials = credentials;
  }

  whereTo(model: ProjectModel, kind: EnvironmentKind): WhereTo {
    return whereTo(kind, model.window.inside, openInSetting());
  }

  /**
   * @param kind runs already
   * @param from what is left when the window has gone
   * @returns false where it stays: no extension opens such windows, or this one shows other folders too
   */
  async move(
    model: ProjectModel,
    kind: EnvironmentKind,
    from: EnvironmentKind,
    how: Exclude<WhereTo, 'stay'>,
  ): Promise<boolean> {
    // The window of several folders would lose the others.
    const reuse = (vscode.workspace.workspaceFolders ?? []).length < 2;
    if (kind === 'host') {
      await this.#moves.begin(model.project.id, from, kind);
      await vscode.commands.executeCommand(
        'vscode.openFolder',
        vscode.Uri.file(model.project.folder),
        reuse ? { forceReuseWindow: true } : { forceNewWindow: true },
      );
      return true;
    }
    const door = await openDoor(this.#doors, model.environment(kind), this.#credentials);
    const [extension] = installedExtensions(door.access);
    if (!extension) {
      if (how === 'move') void offerExtension(door.entry, { kind });
      return false;
    }
    if (how === 'tryMove' && !reuse) return false;
    await this.#moves.begin(model.project.id, from, kind);
    await openRemoteWindow(extension, door, reuse);
    return true;
  }
}

function openInSetting(): OpenIn {
  const value = vscode.workspace.getConfiguration('switchyard').get<string>('openIn');
  return openInValues.find((known) => known === value) ?? 'thisWindow';
}
