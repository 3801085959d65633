import type * as vscode from 'vscode';

/** Composition root: builds the parts, hands each only what it needs, disposes in reverse. */
export function activate(_context: vscode.ExtensionContext): void {
  // The parts arrive one by one.
}
