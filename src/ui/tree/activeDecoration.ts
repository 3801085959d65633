import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';

const scheme = 'switchyard-environment';

/** Names an environment's row for the decoration below; the two differ so that a change redraws. */
export function activeUri(id: string, active: boolean): vscode.Uri {
  return vscode.Uri.from({ scheme, path: `/${id}`, query: active ? 'active' : '' });
}

/**
 * Marks the active environment by the colour of its name. A badge would take the place of a figure in a sidebar
 * of usual width; the row's tooltip and the status bar say it in words.
 */
export const activeDecoration: vscode.FileDecorationProvider = {
  provideFileDecoration(uri) {
    if (uri.scheme !== scheme || uri.query !== 'active') return undefined;
    return new vscode.FileDecoration(
      undefined,
      l10n.t('Active environment'),
      new vscode.ThemeColor('list.highlightForeground'),
    );
  },
};
