import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { SwitchyardError } from '../../base/errors.ts';
import type { EnvironmentAccess } from '../../environments/environment.ts';
import type { SshEntry } from '../../ssh/config/entry.ts';
import type { Doors } from '../../ssh/doors.ts';
import type { CommandId } from '../commandIds.ts';
import { openFile } from '../errors.ts';
import {
  fittingExtensions,
  installableExtension,
  remoteAddress,
  type RemoteExtension,
} from '../remoteWindow.ts';
import { kindName } from '../tree/rowText.ts';
import type { CommandServices } from './services.ts';
import { requireTrust, targetEnvironment } from './targets.ts';

/** How long a passing message stands in the status bar, in milliseconds. */
const toldMs = 5_000;

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Commands about the environments as SSH hosts, for this editor and for every other program. */
export function sshCommands(services: CommandServices, doors: Doors): Handlers {
  /** The chosen environment's SSH host, written down anew; undefined where the person chose none. */
  const open = async (
    argument: unknown,
    title: string,
  ): Promise<{ entry: SshEntry; access: EnvironmentAccess } | undefined> => {
    requireTrust();
    const target = await targetEnvironment(services, argument, 'canConnect', title);
    if (!target) return undefined;
    const { environment } = target;
    if (!environment.access) throw notYet(kindName(environment.kind));
    const access = await environment.access(AbortSignal.timeout(30_000));
    const start = vscode.workspace.getConfiguration('switchyard').get<boolean>('ssh.startOnConnect', true);
    return { entry: await doors.open(environment, access, { start }), access };
  };

  return {
    'switchyard.copySshCommand': async (argument) => {
      const opened = await open(argument, l10n.t('Copy SSH Command'));
      if (!opened) return;
      const command = `ssh ${opened.entry.alias}`;
      await vscode.env.clipboard.writeText(command);
      vscode.window.setStatusBarMessage(l10n.t('Copied: {0}', command), toldMs);
    },
    'switchyard.openSshConfig': async () => {
      const { configFile } = doors.book;
      if ((await doors.book.entries()).length > 0) await openFile(configFile, 1, 1);
      else void vscode.window.showInformationMessage(noEntries());
    },
    'switchyard.removeSshEntries': async () => {
      const count = (await doors.book.entries()).length;
      await doors.book.remove();
      void vscode.window.showInformationMessage(
        count === 0 ? noEntries() : l10n.t('Removed from your SSH configuration: {0}.', count),
      );
    },
    'switchyard.openWindow': async (argument) => {
      const opened = await open(argument, l10n.t('Open Window in Environment'));
      if (!opened) return;
      const { entry, access } = opened;
      const extensions = fittingExtensions((id) => vscode.extensions.getExtension(id) !== undefined, access);
      if (extensions.length === 0) {
        await offerExtension(entry, argument);
        return;
      }
      const chosen = await chooseWindow(extensions, entry);
      if (!chosen) return;
      const address = remoteAddress(chosen.extension, access, entry.alias);
      await vscode.commands.executeCommand(
        'vscode.openFolder',
        vscode.Uri.from({ scheme: 'vscode-remote', ...address }),
        chosen.reuse ? { forceReuseWindow: true } : { forceNewWindow: true },
      );
    },
  };
}

async function chooseWindow(
  extensions: readonly RemoteExtension[],
  entry: SshEntry,
): Promise<{ extension: RemoteExtension; reuse: boolean } | undefined> {
  const items = extensions.flatMap((extension) => [
    { label: l10n.t('$(empty-window) New window'), description: extension.name, extension, reuse: false },
    { label: l10n.t('$(window) This window'), description: extension.name, extension, reuse: true },
  ]);
  return vscode.window.showQuickPick(items, {
    title: l10n.t('Open Window in Environment'),
    placeHolder: l10n.t('Where to open {0} of {1}?', kindName(entry.kind), entry.projectName),
  });
}

/** @param argument what the command was called with, and the next one is */
async function offerExtension(entry: SshEntry, argument: unknown): Promise<void> {
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
    await vscode.commands.executeCommand(command, argument ?? { kind: entry.kind });
  } else if (chosen !== undefined && extension) {
    await vscode.commands.executeCommand('workbench.extensions.search', `@id:${extension.id}`);
  }
}

function noEntries(): string {
  return l10n.t('Switchyard has nothing in your SSH configuration.');
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
