import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { withDeadline } from '../base/abort.ts';
import type { Disposable } from '../base/disposable.ts';
import { toSwitchyardError } from '../base/errors.ts';
import type { RemoteProcess, TerminalSize } from '../connections/connection.ts';
import type { Environment, OpenResult } from '../environments/environment.ts';
import { terminalEnv } from '../environments/shells.ts';
import { environmentName } from './statusText.ts';

/** Bound on starting a shell in an environment that runs, in milliseconds. */
const shellTimeoutMs = 30_000;

/** What a terminal in an environment runs, and where. */
export interface GuestTerminalParts {
  readonly environment: Environment;
  /** Makes the environment ready; undefined where that failed or was cancelled, which has been told. */
  readonly open: () => Promise<OpenResult | undefined>;
  /**
   * A command, whose output stays to be read. Without one it is the user's shell, and its terminal closes
   * with it.
   */
  readonly argv: readonly string[] | undefined;
}

/** A terminal whose shell runs inside an environment. */
export class GuestTerminal implements vscode.Pseudoterminal {
  readonly #write = new vscode.EventEmitter<string>();
  readonly #close = new vscode.EventEmitter<number | undefined>();
  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;
  readonly #parts: GuestTerminalParts;
  readonly #following: Disposable;
  readonly #end = new AbortController();
  #process: RemoteProcess | undefined;
  #over = false;
  #waking = false;
  #size: TerminalSize = { columns: 80, rows: 24 };

  constructor(parts: GuestTerminalParts) {
    this.#parts = parts;
    this.#following = parts.environment.onDidChangeStatus(() => this.#closeIfGone());
  }

  /** Whether it is a shell of this environment, and not a command's output. */
  isShellOf(environment: Environment): boolean {
    return this.#parts.environment === environment && !this.#parts.argv;
  }

  /** Whether its shell ended, because the environment went away, and only its output is left. */
  get isOver(): boolean {
    return this.#over;
  }

  /** A new shell below the output of the one that is over. */
  restart(): void {
    if (!this.#over) return;
    this.#over = false;
    this.#write.fire('\r\n');
    void this.#run();
  }

  open(size: vscode.TerminalDimensions | undefined): void {
    if (size) this.#size = size;
    void this.#run();
  }

  close(): void {
    this.#end.abort();
    this.#following.dispose();
    this.#process?.dispose();
    this.#write.dispose();
    this.#close.dispose();
  }

  handleInput(data: string): void {
    // Somebody who types into an environment that sleeps wants it awake; the key itself is lost.
    if (this.#process && this.#parts.environment.status.state === 'suspended') void this.#wake();
    else if (this.#process) this.#process.stdin.write(data);
    // The shell is over and its output stays to be read: any key closes, as VS Code's tasks do.
    else if (this.#over) this.#close.fire(undefined);
  }

  setDimensions(size: vscode.TerminalDimensions): void {
    this.#size = size;
    this.#process?.resize(size);
  }

  async #run(): Promise<void> {
    try {
      const opened = await this.#parts.open();
      // What went wrong, or that it was cancelled, has been told already.
      if (!opened) {
        this.#close.fire(undefined);
        return;
      }
      const process = await this.#start(opened, withDeadline(this.#end.signal, shellTimeoutMs));
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

  async #start(opened: OpenResult, signal: AbortSignal): Promise<RemoteProcess> {
    const { argv } = this.#parts;
    if (!argv) return opened.shell(this.#size, signal);
    return opened.connection.exec(
      { argv, cwd: opened.workspaceFolder, env: terminalEnv, tty: this.#size },
      signal,
    );
  }

  async #wake(): Promise<void> {
    if (this.#waking) return;
    this.#waking = true;
    try {
      await this.#parts.open();
    } finally {
      this.#waking = false;
    }
  }

  #finish(code: number | undefined, signal: string | undefined): void {
    if (this.#end.signal.aborted) return;
    const { state } = this.#parts.environment.status;
    if (code === undefined || state !== 'running') {
      const why =
        signal === undefined || state !== 'running'
          ? l10n.t('The {0} is no longer running.', environmentName(this.#parts.environment.kind))
          : l10n.t('The shell was ended by the signal {0}.', signal);
      this.#write.fire(`\r\n${why}\r\n`);
      return this.#waitForKey();
    }
    if (this.#parts.argv) {
      this.#write.fire(`\r\n${l10n.t('The command ended with exit code {0}.', code)}\r\n`);
      return this.#waitForKey();
    }
    this.#close.fire(code);
  }

  #waitForKey(): void {
    this.#over = true;
    this.#write.fire(`${l10n.t('Press any key to close the terminal.')}\r\n`);
    this.#closeIfGone();
  }

  /** Nothing comes back into an environment that was removed: a shell's terminal goes with it. */
  #closeIfGone(): void {
    const { environment, argv } = this.#parts;
    if (this.#over && !argv && environment.status.state === 'absent') this.#close.fire(undefined);
  }
}
