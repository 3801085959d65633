import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { withDeadline } from '../base/abort.ts';
import { toSwitchyardError } from '../base/errors.ts';
import type { EnvironmentKind, GuestKind } from '../base/kinds.ts';
import type { RemoteProcess, TerminalSize } from '../connections/connection.ts';
import type { OpenResult } from '../environments/environment.ts';
import type { ErrorReporter } from './errors.ts';
import type { ProjectModel } from './model/projectModel.ts';
import type { Operations } from './operations.ts';
import { environmentIconName, environmentName } from './statusText.ts';

/** Bound on starting a shell in an environment that runs, in milliseconds. */
const shellTimeoutMs = 30_000;

/**
 * The user's own shell as the guest's user database names it, else bash, else sh. Not a login shell:
 * /etc/profile of Debian would replace the PATH that the image set.
 */
const userShell = [
  '/bin/sh',
  '-c',
  's=$(getent passwd "$(id -un)" 2>/dev/null | cut -d: -f7); [ -x "$s" ] || s=$(command -v bash || echo /bin/sh); exec "$s"',
];

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

/** A terminal whose shell runs inside an environment. */
class GuestTerminal implements vscode.Pseudoterminal {
  readonly #write = new vscode.EventEmitter<string>();
  readonly #close = new vscode.EventEmitter<number | undefined>();
  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;
  readonly #openEnvironment: () => Promise<OpenResult | undefined>;
  readonly #argv: readonly string[];
  readonly #keepOpen: boolean;
  readonly #end = new AbortController();
  #process: RemoteProcess | undefined;
  #size: TerminalSize = { columns: 80, rows: 24 };

  constructor(
    openEnvironment: () => Promise<OpenResult | undefined>,
    argv: readonly string[],
    keepOpen: boolean,
  ) {
    this.#openEnvironment = openEnvironment;
    this.#argv = argv;
    this.#keepOpen = keepOpen;
  }

  open(size: vscode.TerminalDimensions | undefined): void {
    if (size) this.#size = size;
    void this.#run();
  }

  close(): void {
    this.#end.abort();
    this.#process?.dispose();
    this.#write.dispose();
    this.#close.dispose();
  }

  handleInput(data: string): void {
    if (this.#process) this.#process.stdin.write(data);
    // The shell is over and its output stays to be read: any key closes, as VS Code's tasks do.
    else if (this.#over) this.#close.fire(undefined);
  }

  setDimensions(size: vscode.TerminalDimensions): void {
    this.#size = size;
    this.#process?.resize(size);
  }

  #over = false;

  async #run(): Promise<void> {
    try {
      const opened = await this.#openEnvironment();
      // What went wrong, or that it was cancelled, has been told already.
      if (!opened) {
        this.#close.fire(undefined);
        return;
      }
      const process = await opened.connection.exec(
        {
          argv: this.#argv,
          cwd: opened.workspaceFolder,
          env: { TERM: 'xterm-256color', COLORTERM: 'truecolor', TERM_PROGRAM: 'vscode' },
          tty: this.#size,
        },
        withDeadline(this.#end.signal, shellTimeoutMs),
      );
      if (this.#end.signal.aborted) {
        process.dispose();
        return;
      }
      this.#process = process;
      // The window may have been resized while the shell started.
      process.resize(this.#size);
      // A guest that goes away breaks the pipe; the exit below tells it.
      process.stdin.on('error', () => undefined);
      process.stdout.setEncoding('utf8').on('data', (text: string) => this.#write.fire(text));
      const { code, signal } = await process.exit;
      this.#process = undefined;
      this.#finish(code, signal);
    } catch (error) {
      if (this.#end.signal.aborted) return;
      this.#write.fire(
        `\r\n${toSwitchyardError(error, l10n.t('The terminal cannot be opened.')).message}\r\n`,
      );
      this.#waitForKey();
    }
  }

  #finish(code: number | undefined, signal: string | undefined): void {
    if (this.#end.signal.aborted) return;
    if (code === undefined) {
      const why =
        signal === undefined
          ? l10n.t('The environment went away.')
          : l10n.t('The shell was ended by the signal {0}.', signal);
      this.#write.fire(`\r\n${why}\r\n`);
      return this.#waitForKey();
    }
    if (this.#keepOpen) {
      this.#write.fire(`\r\n${l10n.t('The command ended with exit code {0}.', code)}\r\n`);
      return this.#waitForKey();
    }
    this.#close.fire(code);
  }

  #waitForKey(): void {
    this.#over = true;
    this.#write.fire(`${l10n.t('Press any key to close the terminal.')}\r\n`);
  }
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

  /** A new terminal that runs one command line and stays open with its output. */
  runCommand(model: ProjectModel, kind: EnvironmentKind, text: string): void {
    if (kind === 'host') {
      const terminal = vscode.window.createTerminal({ name: text, cwd: model.project.folder });
      terminal.show();
      terminal.sendText(text);
      return;
    }
    const pty = new GuestTerminal(() => this.#open(model, kind), commandLine(text), true);
    vscode.window
      .createTerminal({ name: `${environmentName(kind)}: ${text}`, pty, iconPath: icon(kind) })
      .show();
  }

  options(
    model: ProjectModel,
    kind: EnvironmentKind,
  ): vscode.TerminalOptions | vscode.ExtensionTerminalOptions {
    if (kind === 'host') return { cwd: model.project.folder, name: environmentName('host') };
    return {
      name: `${environmentName(kind)} · ${model.project.name}`,
      pty: new GuestTerminal(() => this.#open(model, kind), userShell, false),
      iconPath: icon(kind),
    };
  }
}

function icon(kind: EnvironmentKind): vscode.ThemeIcon {
  return new vscode.ThemeIcon(environmentIconName(kind));
}
