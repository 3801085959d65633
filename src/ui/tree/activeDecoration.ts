import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';

const scheme = 'switchyard-environment';

/** Names an environment's row for the decoration below; the two differ so that a change redraws. */
export function activeUri(id: string, active: boolean): vscode.Uri {
  return vscode.Uri.from({ scheme, path: `/${id}`, query: active ? 'active' : '' });
}

/** Marks the active environment at the row's right edge, where figures never push it away. */
export const activeDecoration: vscode.FileDecorationProvider = {
  provideFileDecoration(uri) {
    if (uri.scheme !== scheme || uri.query !== 'active') return undefined;
    return new vscode.FileDecoration('✓', l10n.t('Active environment'));
  },
};
