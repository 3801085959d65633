import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import type { EnvironmentProvider } from './environments/environment.ts';
import type { GuestKind } from './base/kinds.ts';
import { startUi } from './ui/start.ts';

/** Composition root: builds the parts, hands each only what it needs, disposes in reverse. */
export function activate(context: vscode.ExtensionContext): void {
  if (vscode.l10n.bundle) l10n.config({ contents: vscode.l10n.bundle });
  const log = vscode.window.createOutputChannel('Switchyard', { log: true });
  const providers = new Map<GuestKind, EnvironmentProvider>();
  context.subscriptions.push(
    log,
    startUi({
      providers,
      storage: context.globalStorageUri.fsPath,
      state: context.workspaceState,
      log,
    }),
  );
}
