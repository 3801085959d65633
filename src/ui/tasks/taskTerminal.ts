import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { withDeadline } from '../../base/abort.ts';
import { toSwitchyardError } from '../../base/errors.ts';
import type { RemoteProcess, TerminalSize } from '../../connections/connection.ts';
import type { OpenResult } from '../../environments/environment.ts';
import { OutputPaths } from './pathMap.ts';
import { describeWork, insideGuest, type TaskWork } from './taskWork.ts';

/** Bound on starting a program in an environment that runs, in milliseconds. */
const startMs = 30_000;
/** How long what might be the beginning of a path waits for its rest, in milliseconds. */
const flushMs = 50;

/**
 * The terminal of a task that runs inside. Paths below the workspace are written as this window calls them, so that
 * problem matchers and links find the files that are open.
 */
export class TaskTerminal implements vscode.Pseudoterminal {
  readonly #write = new vscode.EventEmitter<string>();
  readonly #close = new vscode.EventEmitter<number>();
  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;
  readonly #work: TaskWork;
  readonly #windowFolder: string;
  readonly #open: () => Promise<OpenResult | undefined>;
  readonly #end = new AbortController();
  #process: RemoteProcess | undefined;
  #size: TerminalSize = { columns: 80, rows: 24 };

  /**
   * @param windowFolder absolute path of the workspace as this window calls it: the host's, where it is not inside
   * @param open makes the environment ready; undefined where that failed or was cancelled, which has been told
   */
  constructor(work: TaskWork, windowFolder: string, open: () => Promise<OpenResult | undefined>) {
    this.#work = work;
    this.#windowFolder = windowFolder;
    this.#open = open;
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
    this.#process?.stdin.write(data);
  }

  setDimensions(size: vscode.TerminalDimensions): void {
    this.#size = size;
    this.#process?.resize(size);
  }

  async #run(): Promise<void> {
    let code = 1;
    try {
      const opened = await this.#open();
      if (opened) code = await this.#runIn(opened);
    } catch (error) {
      if (!this.#end.signal.aborted) {
        this.#write.fire(`\r\n${toSwitchyardError(error, l10n.t('The task could not be run.')).message}\r\n`);
      }
    }
    if (!this.#end.signal.aborted) this.#close.fire(code);
  }

  /** @returns the exit code; as a shell counts it where a signal ended the program */
  async #runIn({ connection, workspaceFolder }: OpenResult): Promise<number> {
    const folder = { host: this.#windowFolder, guest: workspaceFolder };
    const { argv, cwd, env } = insideGuest(this.#work, folder);
    this.#write.fire(`\u001b[2m> ${describeWork({ argv })}\u001b[0m\r\n`);
    const process = await connection.exec(
      { argv, cwd, env: { TERM: 'xterm-256color', ...env }, tty: this.#size },
      withDeadline(this.#end.signal, startMs),
    );
    if (this.#end.signal.aborted) {
      process.dispose();
      return 1;
    }
    this.#process = process;
    // The window may have been resized while the program started.
    process.resize(this.#size);
    // A guest that goes away breaks the pipe; the exit below tells it.
    process.stdin.on('error', () => undefined);
    const paths = new OutputPaths(folder);
    let flushing: NodeJS.Timeout | undefined;
    const say = (text: string): void => {
      if (text !== '' && !this.#end.signal.aborted) this.#write.fire(text);
    };
    process.stdout.setEncoding('utf8').on('data', (text: string) => {
      clearTimeout(flushing);
      say(paths.write(text));
      flushing = setTimeout(() => say(paths.flush()), flushMs);
    });
    const { code } = await process.exit;
    clearTimeout(flushing);
    say(paths.flush());
    this.#process = undefined;
    return code ?? 128;
  }
}
