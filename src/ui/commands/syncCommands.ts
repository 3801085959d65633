import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { SwitchyardError } from '../../base/errors.ts';
import type { HeldChange, LiveSync, SyncConflict } from '../../sync/liveSync.ts';
import type { CommandId } from '../commandIds.ts';
import { versionUri } from '../syncVersions.ts';
import { environmentNodeOf } from '../tree/nodes.ts';
import { kindName } from '../tree/rowText.ts';
import { haltSentence } from '../tree/syncText.ts';
import type { CommandServices } from './services.ts';
import { requireTrust, targetProject, type Target } from './targets.ts';

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

interface SyncTarget extends Target {
  readonly sync: LiveSync;
}

/** Bound on bringing one decision across, in milliseconds. */
const decideTimeoutMs = 60_000;

/** Commands on a synced workspace. */
export function syncCommands(services: CommandServices): Handlers {
  const synced = (argument: unknown): SyncTarget => {
    requireTrust();
    const model = targetProject(services.projects, argument);
    const row = environmentNodeOf(argument);
    const wanted = row
      ? [row.environment]
      : [...model.environments].sort((a) => (a.kind === model.switcher.active ? -1 : 1));
    for (const environment of wanted) {
      if (environment.sync) return { model, environment, sync: environment.sync };
    }
    throw new SwitchyardError({
      code: 'sync.failed',
      what: l10n.t('There is nothing to sync.'),
      why: l10n.t('The workspace of this environment is mounted: both sides are the same files.'),
      next: '',
      remedies: [],
    });
  };

  return {
    'switchyard.resolveConflicts': async (argument) => {
      const target = synced(argument);
      if (target.sync.health.halt) return answerHalt(target.sync);
      await resolveConflicts(target);
    },
    'switchyard.reviewProtected': (argument) => reviewProtected(synced(argument)),
    'switchyard.pauseSync': (argument) => synced(argument).sync.pause(),
    'switchyard.resumeSync': (argument) => synced(argument).sync.resume(),
    'switchyard.openSyncTrash': async (argument) => {
      const { sync } = synced(argument);
      const [file] =
        (await vscode.window.showOpenDialog({
          title: l10n.t('Sync Trash: what the sync replaced or deleted on the host'),
          defaultUri: vscode.Uri.file(sync.trashFolder),
        })) ?? [];
      if (file) await vscode.window.showTextDocument(file);
    },
  };
}

async function answerHalt(sync: LiveSync): Promise<void> {
  const { halt } = sync.health;
  if (!halt) return;
  const restore: vscode.MessageItem = { title: l10n.t('Restore') };
  const remove: vscode.MessageItem = { title: l10n.t('Delete on Both Sides') };
  const chosen = await vscode.window.showWarningMessage(
    l10n.t('The sync waits for you.'),
    { modal: true, detail: haltSentence(halt) },
    restore,
    remove,
  );
  if (chosen) sync.answerHalt(chosen === restore ? 'restore' : 'delete');
}

async function resolveConflicts({ model, environment, sync }: SyncTarget): Promise<void> {
  const { conflicts } = sync.health;
  const title = l10n.t('Resolve Sync Conflicts');
  if (conflicts.length === 0) {
    void vscode.window.showInformationMessage(l10n.t('There are no sync conflicts.'));
    return;
  }
  const which = await pickPaths(title, conflicts, l10n.t('All {0} conflicts', conflicts.length));
  if (!which) return;
  const [only] = which;
  if (which.length === 1 && only) await compareConflict(model.project.folder, only);
  const kind = kindName(environment.kind);
  const keep = await vscode.window.showQuickPick(
    [
      {
        label: l10n.t('Keep Host'),
        description: l10n.t("the {0}'s version goes to the trash", kind),
        keep: 'host' as const,
      },
      {
        label: l10n.t('Keep {0}', kind),
        description: l10n.t("the host's version goes to the trash"),
        keep: 'guest' as const,
      },
      { label: l10n.t('Keep Both'), description: l10n.t('as two files'), keep: 'both' as const },
    ],
    { title, placeHolder: which.map(({ path }) => path).join(', '), ignoreFocusOut: true },
  );
  if (!keep) return;
  for (const { path } of which) {
    await sync.resolveConflict(path, keep.keep, AbortSignal.timeout(decideTimeoutMs));
  }
}

async function compareConflict(folder: string, { path, copy }: SyncConflict): Promise<void> {
  const root = vscode.Uri.file(folder);
  await vscode.commands.executeCommand(
    'vscode.diff',
    vscode.Uri.joinPath(root, copy),
    vscode.Uri.joinPath(root, path),
    l10n.t('{0} (guest ↔ host)', path),
  );
}

async function reviewProtected({ model, environment, sync }: SyncTarget): Promise<void> {
  const { heldBack } = sync.health;
  const title = l10n.t('Review Protected Changes');
  if (heldBack.length === 0) {
    void vscode.window.showInformationMessage(l10n.t('No protected file was changed inside.'));
    return;
  }
  const which = await pickPaths(title, heldBack, l10n.t('All {0} changes', heldBack.length));
  if (!which) return;
  const [only] = which;
  if (which.length === 1 && only) {
    const uri = (side: 'host' | 'guest'): vscode.Uri =>
      versionUri(model.project.id, environment.kind, side, only.path);
    await vscode.commands.executeCommand(
      'vscode.diff',
      uri('host'),
      uri('guest'),
      l10n.t('{0} (host ↔ guest)', only.path),
    );
  }
  const decision = await vscode.window.showQuickPick(
    [
      {
        label: l10n.t('Refuse'),
        description: l10n.t("the host's version goes back inside"),
        decision: 'refuse' as const,
      },
      {
        label: l10n.t('Accept'),
        description: l10n.t('it comes to the host and may run there'),
        decision: 'accept' as const,
      },
    ],
    { title, placeHolder: which.map(({ path }) => path).join(', '), ignoreFocusOut: true },
  );
  if (!decision) return;
  for (const { path } of which) {
    await sync.decideHeldBack(path, decision.decision, AbortSignal.timeout(decideTimeoutMs));
  }
}

/** One of the paths, or all of them; with only one there is nothing to pick. */
async function pickPaths<T extends SyncConflict | HeldChange>(
  title: string,
  paths: readonly T[],
  all: string,
): Promise<readonly T[] | undefined> {
  if (paths.length === 1) return paths;
  const chosen = await vscode.window.showQuickPick(
    [...paths.map((entry) => ({ label: entry.path, entries: [entry] })), { label: all, entries: paths }],
    { title },
  );
  return chosen?.entries;
}
