import * as vscode from 'vscode';

/** The files (absolute paths) of which an editor of this window holds unsaved changes: nothing writes under them. */
export function unsavedFiles(): Promise<readonly string[]> {
  const unsaved = vscode.workspace.textDocuments.filter(
    ({ isDirty, uri }) => isDirty && uri.scheme === 'file',
  );
  return Promise.resolve(unsaved.map(({ uri }) => uri.fsPath));
}
