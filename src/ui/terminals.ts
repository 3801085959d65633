import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import type { EnvironmentKind, GuestKind } from '../base/kinds.ts';
import type { OpenResult } from '../environments/environment.ts';
import type { ErrorReporter } from './errors.ts';
import { GuestTerminal } from './guestTerminal.ts';
import type { ProjectModel } from './model/projectModel.ts';
import type { Operations } from './operations.ts';
import { environmentIconName, environmentName } from './statusText.ts';

/** A command line as the person typed it, run by the guest's shell. */
function commandLine(text: string): string[] {
  return ['/bin/sh', '-c', text];
}

/** Opens the environment and says where the workspace is in it; a terminal does it when it starts. */
export type OpenEnvironment = (model: ProjectModel, kind: GuestKind) => Promise<OpenResult | undefined>;

/**
 * A terminal opens its environment where it does not run; where it does, that is silent and fast.
 */
export function openForTerminal(operations: Operations, errors: ErrorReporter): OpenEnvironment {
  return async (model, kind) => {
    const environment = model.environment(kind);
    const title = l10n.t('Opening a terminal in {0} ({1})', model.project.name, environmentName(kind));
    const opened = await operations.run(title, environment, (options) => model.switcher.open(kind, options), {
      quiet: environment.status.state === 'running',
    });
    if (opened?.problem) errors.report(opened.problem, `${title}.`, { severity: 'warning' });
    return opened;
  };
}

/** Terminals in environments: opened by a command, or as a profile. */
export class Terminals {
  readonly #open: OpenEnvironment;

  constructor(open: OpenEnvironment) {
    this.#open = open;
  }

  /** A new terminal with the user's shell in the workspace folder; shown at once. */
  show(model: ProjectModel, kind: EnvironmentKind): void {
    vscode.window.createTerminal(this.options(model, kind)).show();
  }

  /** The terminal with a shell there that is open already, else a new one; shown at once. */
  reveal(model: ProjectModel, kind: GuestKind): void {
    const environment = model.environment(kind);
    const shells = vscode.window.terminals.flatMap((terminal) => {
      const { creationOptions } = terminal;
      const pty = 'pty' in creationOptions ? creationOptions.pty : undefined;
      return pty instanceof GuestTerminal && pty.isShellOf(environment) ? [{ terminal, pty }] : [];
    });
    const shell = shells.findLast(({ pty }) => !pty.isOver) ?? shells.at(-1);
    if (!shell) return this.show(model, kind);
    // What ended with the environment goes on with it.
    shell.pty.restart();
    shell.terminal.show();
  }

  /** A new terminal that runs one command line and stays open with its output. */
  runCommand(model: ProjectModel, kind: EnvironmentKind, text: string): void {
    if (kind === 'host') {
      const terminal = vscode.window.createTerminal({ name: text, cwd: hostFolder(model) });
      terminal.show();
      terminal.sendText(text);
      return;
    }
    const pty = this.#terminal(model, kind, commandLine(text));
    vscode.window
      .createTerminal({ name: `${environmentName(kind)}: ${text}`, pty, iconPath: icon(kind) })
      .show();
  }

  options(
    model: ProjectModel,
    kind: EnvironmentKind,
  ): vscode.TerminalOptions | vscode.ExtensionTerminalOptions {
    if (kind === 'host') return { cwd: hostFolder(model), name: environmentName('host') };
    return {
      name: `${environmentName(kind)} · ${model.project.name}`,
      pty: this.#terminal(model, kind),
      iconPath: icon(kind),
    };
  }

  #terminal(model: ProjectModel, kind: GuestKind, argv?: readonly string[]): GuestTerminal {
    return new GuestTerminal({
      environment: model.environment(kind),
      open: () => this.#open(model, kind),
      argv,
    });
  }
}

/** In a window that is inside, a path would be one inside; an address of this computer asks for its own shell. */
function hostFolder({ project, window }: ProjectModel): string | vscode.Uri {
  return window.inside === undefined ? project.folder : vscode.Uri.file(project.folder);
}

function icon(kind: EnvironmentKind): vscode.ThemeIcon {
  return new vscode.ThemeIcon(environmentIconName(kind));
}
