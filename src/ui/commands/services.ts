import type * as vscode from 'vscode';
import type { ErrorReporter } from '../errors.ts';
import type { Monitor } from '../model/monitor.ts';
import type { Others } from '../model/others.ts';
import type { WindowProjects } from '../model/windowProjects.ts';
import type { Operations } from '../operations.ts';
import type { Terminals } from '../terminals.ts';

/** The parts that the commands work with; each group of commands picks what it needs. */
export interface CommandServices {
  readonly projects: WindowProjects;
  readonly monitor: Monitor;
  readonly others: Others;
  readonly operations: Operations;
  readonly errors: ErrorReporter;
  readonly terminals: Terminals;
  readonly log: vscode.LogOutputChannel;
}
