import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { credentialKinds, type CredentialKind } from '../../credentials/sharedCredentials.ts';
import type { CommandId } from '../commandIds.ts';
import { credentialName } from '../credentials/credentialText.ts';
import type { WindowCredentials } from '../credentials/windowCredentials.ts';
import type { CommandServices } from './services.ts';
import { requireTrust, targetProject } from './targets.ts';

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Commands about what of this computer's credentials a project's environments may use. */
export function credentialCommands(services: CommandServices, credentials: WindowCredentials): Handlers {
  return {
    'switchyard.shareCredentials': async (argument) => {
      requireTrust();
      const model = targetProject(services.projects, argument);
      const allowed = credentials.allowed(model.project.id);
      const items = credentialKinds.map((kind) => ({
        label: credentialName(kind),
        detail: detailOf(kind),
        picked: allowed.includes(kind),
        credential: kind,
      }));
      const chosen = await vscode.window.showQuickPick(items, {
        title: l10n.t('Share Credentials'),
        placeHolder: l10n.t('What may programs inside {0} use of this computer?', model.project.name),
        canPickMany: true,
      });
      if (chosen)
        await credentials.allow(
          model,
          chosen.map(({ credential }) => credential),
        );
    },
    'switchyard.stopSharingCredentials': async (argument) => {
      await credentials.allow(targetProject(services.projects, argument), []);
    },
  };
}

function detailOf(kind: CredentialKind): string {
  switch (kind) {
    case 'sshAgent':
      return l10n.t('Whatever runs inside signs in with your keys. The keys stay here.');
    case 'git':
      return l10n.t('Whatever runs inside gets passwords from your git helpers, for any host.');
  }
}
