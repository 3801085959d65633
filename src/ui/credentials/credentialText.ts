import * as l10n from '@vscode/l10n';
import type { CredentialKind } from '../../credentials/sharedCredentials.ts';
import type { RowText } from '../tree/row.ts';

/** What a person calls it. */
export function credentialName(kind: CredentialKind): string {
  switch (kind) {
    case 'sshAgent':
      return l10n.t('SSH agent');
    case 'git':
      return l10n.t('Git credentials');
  }
}

/** Where there is little room: at the usual width of the view a row takes no more than some thirty letters. */
function shortName(kind: CredentialKind): string {
  return kind === 'git' ? l10n.t('git') : credentialName(kind);
}

/** The row of an environment in which credentials of this computer can be used; undefined where none can. */
export function credentialsRow(kinds: readonly CredentialKind[]): RowText | undefined {
  if (kinds.length === 0) return undefined;
  const names = kinds.map(credentialName).join(', ');
  return {
    label: l10n.t('Credentials'),
    description: kinds.map(shortName).join(', '),
    tooltip: l10n.t(
      'Programs inside can use of this computer: {0}. Nothing secret is written there. It ends with the connection.',
      names,
    ),
  };
}
