import * as vscode from 'vscode';
import type { Activations, ActivationTime } from './activations.ts';

/**
 * Waits until Switchyard and the built-in git extension are active in this window.
 * @returns what VS Code measured of both
 */
export async function measureActivations(): Promise<Activations> {
  const ids = ['switchyard.switchyard', 'vscode.git'] as const;
  for (const id of ids) {
    const extension = vscode.extensions.getExtension(id);
    if (!extension) throw new Error(`${id} is not there.`);
    await extension.activate();
  }
  const times = await activationTimes();
  const [ours, git] = ids.map((id) => times.get(id));
  if (!ours || !git) throw new Error(`VS Code measured ${[...times.keys()].join(', ')} only.`);
  return { ours, git };
}

/**
 * Reads VS Code's own measurements out of the document that "Developer: Startup Performance" shows: a
 * Markdown table with the columns Extension, Eager, Load Code, Call Activate, Finish Activate, Event, By.
 * No API tells them. The document is filled a moment after it opens, so this waits until it holds the table.
 */
async function activationTimes(): Promise<ReadonlyMap<string, ActivationTime>> {
  await vscode.commands.executeCommand('perfview.show');
  const text = await documentWith(/## Extension Activation Stats/);
  await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  const times = new Map<string, ActivationTime>();
  const table = text.slice(text.indexOf('## Extension Activation Stats')).split('\n## ')[0] ?? '';
  for (const line of table.split('\n')) {
    const [name, , load, call, resolve] = line
      .split('|')
      .map((cell) => cell.trim())
      .filter((cell, index) => index > 0 || cell !== '');
    if (name === undefined || load === undefined || !/^\d+$/.test(load)) continue;
    times.set(name, { loadMs: Number(load), callMs: Number(call), resolveMs: Number(resolve) });
  }
  return times;
}

function documentWith(pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const check = (document: vscode.TextDocument): void => {
      if (document.uri.scheme !== 'perf' || !pattern.test(document.getText())) return;
      end();
      resolve(document.getText());
    };
    const listeners = [
      vscode.workspace.onDidOpenTextDocument(check),
      vscode.workspace.onDidChangeTextDocument((event) => check(event.document)),
    ];
    const timer = setTimeout(() => {
      end();
      const open = vscode.workspace.textDocuments.map((document) => document.uri.toString());
      reject(
        new Error(`The document with the measurements did not fill. Open documents: ${open.join(', ')}`),
      );
    }, 60_000);
    const end = (): void => {
      clearTimeout(timer);
      for (const listener of listeners) listener.dispose();
    };
    vscode.workspace.textDocuments.forEach(check);
  });
}
