import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import type { Disposable } from '../base/disposable.ts';
import type { GuestKind } from '../base/kinds.ts';
import type { Logger } from '../base/log.ts';
import type { CarryReport } from '../sync/carrier.ts';
import { eachModel } from './model/eachModel.ts';
import type { ProjectModel } from './model/projectModel.ts';
import type { WindowProjects } from './model/windowProjects.ts';
import { kindName } from './tree/rowText.ts';

/** Paths that a message names; the log names all. */
const namedPaths = 3;

/** Tells the person what a sync could not decide alone; what it could is only logged. */
export function tellCarryReports(projects: WindowProjects, log: Logger): Disposable {
  return eachModel(projects, (model) =>
    model.switcher.onDidCarry(({ kind, report }) => tell(model, kind, report, log)),
  );
}

function tell(model: ProjectModel, kind: GuestKind, report: CarryReport, log: Logger): void {
  log.info(`Synced with the ${kind}: ${report.toGuest} to it, ${report.toHost} to the host`);
  for (const { path, copy } of report.conflicts)
    log.warn(`Changed on both sides: ${path}; the other version is ${copy}`);
  for (const path of report.heldBack)
    log.warn(`Changed in the ${kind} and protected, so not written back: ${path}`);
  for (const { path, reason } of report.skipped) log.warn(`Not synced: ${path}: ${reason}`);
  if (report.conflicts.length > 0) void tellConflicts(model, kind, report.conflicts);
  if (report.heldBack.length > 0) void tellHeldBack(kind, report.heldBack);
}

async function tellConflicts(
  model: ProjectModel,
  kind: GuestKind,
  conflicts: CarryReport['conflicts'],
): Promise<void> {
  const compare = l10n.t('Compare');
  const chosen = await vscode.window.showWarningMessage(
    l10n.t(
      'Changed on the host and in the {0}: {1}. The host keeps its version; the other one lies beside it.',
      kindName(kind),
      named(conflicts.map(({ path }) => path)),
    ),
    compare,
  );
  if (chosen !== compare) return;
  const folder = vscode.Uri.file(model.project.folder);
  for (const { path, copy } of conflicts.slice(0, namedPaths)) {
    await vscode.commands.executeCommand(
      'vscode.diff',
      vscode.Uri.joinPath(folder, copy),
      vscode.Uri.joinPath(folder, path),
      l10n.t('{0} ({1} ↔ host)', path, kindName(kind)),
      { preview: false },
    );
  }
}

async function tellHeldBack(kind: GuestKind, paths: readonly string[]): Promise<void> {
  const showLog = l10n.t('Show Log');
  const chosen = await vscode.window.showWarningMessage(
    l10n.t(
      'The {0} changed files that could run on the host: {1}. The host keeps its versions.',
      kindName(kind),
      named(paths),
    ),
    showLog,
  );
  if (chosen === showLog) await vscode.commands.executeCommand('switchyard.showLog');
}

function named(paths: readonly string[]): string {
  const first = paths.slice(0, namedPaths).join(', ');
  return paths.length > namedPaths ? l10n.t('{0} and {1} more', first, paths.length - namedPaths) : first;
}
