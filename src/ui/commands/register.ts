import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { commandIds, type CommandId } from '../commandIds.ts';
import type { ErrorReporter } from '../errors.ts';

type Handler = (argument?: unknown) => unknown;

/** Registers every command; what a handler throws is shown once, with what can be done. */
export function registerCommands(
  groups: readonly Partial<Record<CommandId, Handler>>[],
  errors: ErrorReporter,
): Disposable {
  const handlers = new Map(groups.flatMap((group) => Object.entries(group)));
  const disposables = new DisposableStore();
  for (const id of commandIds) {
    const handler = handlers.get(id);
    if (!handler) throw new Error(`No part handles the command ${id}.`);
    disposables.add(
      vscode.commands.registerCommand(id, async (argument?: unknown) => {
        try {
          return await handler(argument);
        } catch (error) {
          errors.report(error, id);
          return undefined;
        }
      }),
    );
  }
  return disposables;
}
