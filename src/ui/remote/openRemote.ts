import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { SwitchyardError } from '../../base/errors.ts';
import type { Environment, EnvironmentAccess } from '../../environments/environment.ts';
import type { SshEntry } from '../../ssh/config/entry.ts';
import type { Doors } from '../../ssh/doors.ts';
import type { CommandId } from '../commandIds.ts';
import type { WindowCredentials } from '../credentials/windowCredentials.ts';
import { kindName } from '../tree/rowText.ts';
import {
  fittingExtensions,
  installableExtension,
  remoteAddress,
  type RemoteExtension,
} from './extensions.ts';

/** Bound on finding out how other programs get into a running environment, in milliseconds. */
const accessMs = 30_000;

/** An environment that is an SSH host of this computer. */
export interface OpenDoor {
  readonly entry: SshEntry;
  readonly access: EnvironmentAccess;
}

/**
 * Makes a running environment an SSH host of this computer, or brings what is written about it up to date.
 * @throws SwitchyardError where it is none, or does not run
 */
export async function openDoor(
  doors: Doors,
  environment: Environment,
  credentials: WindowCredentials,
): Promise<OpenDoor> {
  if (!environment.access) throw notYet(kindName(environment.kind));
  const access = await environment.access(AbortSignal.timeout(accessMs));
  const start = vscode.workspace.getConfiguration('switchyard').get<boolean>('ssh.startOnConnect', true);
  const shares = credentials.overSsh(environment);
  return { entry: await doors.open(environment, access, { start, shares }), access };
}

/** The extensions of this editor that open a window in the environment, the more fitting first. */
export function installedExtensions(access: EnvironmentAccess): readonly RemoteExtension[] {
  return fittingExtensions((id) => vscode.extensions.getExtension(id) !== undefined, access);
}

/** Opens the environment's workspace in a window that is inside. @param reuse: this window goes there */
export async function openRemoteWindow(
  extension: RemoteExtension,
  { entry, access }: OpenDoor,
  reuse: boolean,
): Promise<void> {
  await vscode.commands.executeCommand(
    'vscode.openFolder',
    vscode.Uri.from({ scheme: 'vscode-remote', ...remoteAddress(extension, access, entry.alias) }),
    reuse ? { forceReuseWindow: true } : { forceNewWindow: true },
  );
}

/**
 * Says that no extension here opens such a window, and offers the other ways in.
 * @param argument what the browser editor's command is called with
 */
export async function offerExtension(entry: SshEntry, argument: unknown): Promise<void> {
  const extension = installableExtension(vscode.env.appName);
  const show = extension && l10n.t('Show {0}', extension.name);
  const browser = l10n.t('Open Browser Editor');
  const copy = l10n.t('Copy SSH Command');
  const chosen = await vscode.window.showInformationMessage(
    l10n.t(
      'No extension here opens a window over SSH. Any SSH client reaches the environment as "{0}".',
      entry.alias,
    ),
    ...[browser, show, copy].filter((title) => title !== undefined),
  );
  if (chosen === copy) await vscode.env.clipboard.writeText(`ssh ${entry.alias}`);
  else if (chosen === browser) {
    const command: CommandId = 'switchyard.openBrowserEditor';
    await vscode.commands.executeCommand(command, argument);
  } else if (chosen !== undefined && extension) {
    await vscode.commands.executeCommand('workbench.extensions.search', `@id:${extension.id}`);
  }
}

function notYet(kind: string): SwitchyardError {
  return new SwitchyardError({
    code: 'config.unsupported',
    what: l10n.t('{0} cannot be reached with an SSH client yet.', kind),
    why: l10n.t('Switchyard writes no SSH configuration for this kind yet.'),
    next: l10n.t('Open a terminal in it instead.'),
    remedies: [],
  });
}
