import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { isCancellation, toSwitchyardError, type Remedy, type SwitchyardError } from '../base/errors.ts';
import type { CommandId } from './commandIds.ts';

/** Shows what went wrong, and turns each remedy into a button. */
export class ErrorReporter {
  readonly #log: vscode.LogOutputChannel;

  constructor(log: vscode.LogOutputChannel) {
    this.#log = log;
  }

  /**
   * Writes the error to the log and shows it once; a cancellation is what the person wanted and is not
   * shown. Returns at once: the message stays as long as the person lets it.
   * @param retry runs the same command again
   */
  report(
    error: unknown,
    what: string,
    options: { retry?: () => unknown; severity?: 'error' | 'warning' } = {},
  ): void {
    if (isCancellation(error)) {
      this.#log.info(`${what} (cancelled)`);
      return;
    }
    const known = toSwitchyardError(error, what);
    this.#write(known);
    void this.#openPlace(known);
    void this.#show(known, options);
  }

  /** What is wrong with a config is best read in the config: the editor opens at the place. */
  async #openPlace({ code, remedies }: SwitchyardError): Promise<void> {
    const place = remedies.find((remedy) => remedy.do === 'openFile');
    if (!place || !code.startsWith('config.')) return;
    await openFile(place.file, place.line ?? 1, place.column ?? 1);
  }

  #write(error: SwitchyardError): void {
    this.#log.error(`[${error.code}] ${error.message}`);
    if (error.detail !== undefined) this.#log.error(error.detail);
    if (error.cause instanceof Error) this.#log.debug(error.cause.stack ?? error.cause.message);
  }

  async #show(
    error: SwitchyardError,
    { retry, severity = 'error' }: { retry?: () => unknown; severity?: 'error' | 'warning' },
  ): Promise<void> {
    const buttons = error.remedies
      .filter((remedy) => remedy.do !== 'retry' || retry)
      .map((remedy) => ({ title: remedyTitle(remedy), remedy }));
    const show = severity === 'error' ? vscode.window.showErrorMessage : vscode.window.showWarningMessage;
    const chosen = await show(error.message, ...buttons);
    if (!chosen) return;
    if (chosen.remedy.do === 'retry') retry?.();
    else await applyRemedy(chosen.remedy);
  }
}

function remedyTitle(remedy: Remedy): string {
  switch (remedy.do) {
    case 'retry':
      return l10n.t('Try Again');
    case 'showLog':
      return l10n.t('Show Log');
    case 'checkRequirements':
      return l10n.t('Check Requirements');
    case 'addConfiguration':
      return l10n.t('Add Configuration');
    case 'manageTrust':
      return l10n.t('Manage Trust');
    case 'chooseConfiguration':
      return l10n.t('Choose Configuration');
    case 'openFile':
      return l10n.t('Open File');
    case 'openTerminal':
      return l10n.t('Open Terminal');
    case 'open':
      return l10n.t('Open');
    case 'rebuild':
      return l10n.t('Rebuild');
    case 'destroy':
      return l10n.t('Destroy…');
  }
}

async function applyRemedy(remedy: Exclude<Remedy, { do: 'retry' }>): Promise<void> {
  const run = async (command: CommandId, ...args: unknown[]): Promise<void> => {
    await vscode.commands.executeCommand(command, ...args);
  };
  switch (remedy.do) {
    case 'showLog':
      return run('switchyard.showLog');
    case 'checkRequirements':
      return run('switchyard.checkRequirements');
    case 'addConfiguration':
      return run('switchyard.addConfiguration');
    case 'chooseConfiguration':
      return run('switchyard.chooseConfiguration');
    case 'manageTrust':
      await vscode.commands.executeCommand('workbench.trust.manage');
      return;
    case 'openFile':
      return openFile(remedy.file, remedy.line ?? 1, remedy.column ?? 1);
    case 'openTerminal':
      return run('switchyard.openTerminal', { kind: remedy.kind });
    case 'open':
      return run(remedy.kind === 'vm' ? 'switchyard.openInVm' : 'switchyard.openInContainer');
    case 'rebuild':
      return run('switchyard.rebuild', { kind: remedy.kind });
    case 'destroy':
      return run('switchyard.destroy', { kind: remedy.kind });
  }
}

/** Opens a file with the cursor at `line` and `column`, both counted from 1. */
export async function openFile(file: string, line: number, column: number): Promise<void> {
  const at = new vscode.Position(line - 1, column - 1);
  await vscode.window.showTextDocument(vscode.Uri.file(file), { selection: new vscode.Range(at, at) });
}
