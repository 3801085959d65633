import * as vscode from 'vscode';

/** A window that VS Code was asked to open. */
export interface OpenedWindow {
  /** The folder's address. */
  readonly folder: string;
  readonly which: 'this' | 'new';
}

/**
 * Takes the place of `vscode.openFolder`, so that nothing opens: a later registration of a command goes before an
 * earlier one. What it gets is what VS Code's own would have got; one step later, a window whose extensions run
 * on a server would have lost the authority of the address.
 */
export class OpenedWindows implements vscode.Disposable {
  readonly #opened: OpenedWindow[] = [];
  readonly #command: vscode.Disposable;

  constructor() {
    this.#command = vscode.commands.registerCommand(
      'vscode.openFolder',
      (
        folder: vscode.Uri,
        options: { readonly forceReuseWindow?: boolean; readonly forceNewWindow?: boolean },
      ) => {
        const { forceReuseWindow = false, forceNewWindow = false } = options;
        if (forceReuseWindow === forceNewWindow) throw new Error('Which window is left to a setting.');
        this.#opened.push({ folder: folder.toString(true), which: forceReuseWindow ? 'this' : 'new' });
      },
    );
  }

  /** Those since the last call. */
  take(): readonly OpenedWindow[] {
    return this.#opened.splice(0);
  }

  dispose(): void {
    this.#command.dispose();
  }
}
