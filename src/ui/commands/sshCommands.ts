import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import type { SshEntry } from '../../ssh/config/entry.ts';
import type { Doors } from '../../ssh/doors.ts';
import type { CommandId } from '../commandIds.ts';
import type { WindowCredentials } from '../credentials/windowCredentials.ts';
import { openFile } from '../errors.ts';
import type { RemoteExtension } from '../remote/extensions.ts';
import {
  installedExtensions,
  offerExtension,
  openDoor,
  openRemoteWindow,
  type OpenDoor,
} from '../remote/openRemote.ts';
import { kindName } from '../tree/rowText.ts';
import type { CommandServices } from './services.ts';
import { requireTrust, targetEnvironment } from './targets.ts';

/** How long a passing message stands in the status bar, in milliseconds. */
const toldMs = 5_000;

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Commands about the environments as SSH hosts, for this editor and for every other program. */
export function sshCommands(
  services: CommandServices,
  doors: Doors,
  credentials: WindowCredentials,
): Handlers {
  /** The chosen environment's SSH host, written down anew; undefined where the person chose none. */
  const open = async (argument: unknown, title: string): Promise<OpenDoor | undefined> => {
    requireTrust();
    const target = await targetEnvironment(services, argument, 'canConnect', title);
    return target && openDoor(doors, target.environment, credentials);
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
      const { extension, window } = wishOf(argument);
      const installed = installedExtensions(access);
      const fitting = installed.filter(({ id }) => extension === undefined || id === extension);
      if (fitting.length === 0) {
        await offerExtension(entry, argument ?? { kind: entry.kind });
        return;
      }
      const chosen = await chooseWindow(fitting, entry, window);
      if (chosen) await openRemoteWindow(chosen.extension, opened, chosen.window === 'this');
    },
  };
}

type WhichWindow = 'this' | 'new';

/** What a key binding may say beside the kind, and what then is not asked: `{"extension": <id>, "window": "this"}`. */
function wishOf(argument: unknown): {
  readonly extension: string | undefined;
  readonly window: WhichWindow | undefined;
} {
  const wish = typeof argument === 'object' && argument !== null ? argument : {};
  const extension = 'extension' in wish && typeof wish.extension === 'string' ? wish.extension : undefined;
  const window =
    'window' in wish && (wish.window === 'this' || wish.window === 'new') ? wish.window : undefined;
  return { extension, window };
}

/** Asks what is still open; undefined where the person chose nothing. */
async function chooseWindow(
  extensions: readonly RemoteExtension[],
  entry: SshEntry,
  window: WhichWindow | undefined,
): Promise<{ readonly extension: RemoteExtension; readonly window: WhichWindow } | undefined> {
  const items = extensions.flatMap((extension) =>
    (['new', 'this'] as const)
      .filter((which) => window === undefined || which === window)
      .map((which) => ({
        label: which === 'new' ? l10n.t('$(empty-window) New window') : l10n.t('$(window) This window'),
        description: extension.name,
        extension,
        window: which,
      })),
  );
  if (items.length === 1) return items[0];
  return vscode.window.showQuickPick(items, {
    title: l10n.t('Open Window in Environment'),
    placeHolder: l10n.t('Where to open {0} of {1}?', kindName(entry.kind), entry.projectName),
  });
}

function noEntries(): string {
  return l10n.t('Switchyard has nothing in your SSH configuration.');
}
