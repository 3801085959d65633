import * as vscode from 'vscode';

/** False while an editor of this window holds unsaved changes of the file: nothing writes under them. */
export function canWriteUnderEditors(file: string): boolean {
  return !vscode.workspace.textDocuments.some(
    (document) => document.isDirty && document.uri.scheme === 'file' && document.uri.fsPath === file,
  );
}
