import * as vscode from 'vscode';
import { Emitter } from '../base/event.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Environment, OperationOptions } from '../environments/environment.ts';
import type { ErrorReporter } from './errors.ts';

/** Longest piece of a log line that a progress notification shows, in characters. */
const lineLength = 60;

/**
 * Runs work that a person started: shows its named steps with the last line of output and a Cancel
 * button, writes all lines to the log, and reports its error once.
 */
export class Operations implements Disposable {
  readonly #log: vscode.LogOutputChannel;
  readonly #errors: ErrorReporter;
  readonly #steps = new Map<Environment, string>();
  /** Titles of what is under way, in the order in which it was asked for. */
  readonly #under = new Map<Environment, readonly string[]>();
  readonly #changed = new Emitter<Environment>();
  /** Fires when the step of an environment's operation changed. */
  readonly onDidChangeStep = this.#changed.event;
  readonly #end = new AbortController();

  constructor(log: vscode.LogOutputChannel, errors: ErrorReporter) {
    this.#log = log;
    this.#errors = errors;
  }

  /** The step that an operation of this window is at; undefined while none is under way. */
  step(environment: Environment): string | undefined {
    return this.#steps.get(environment);
  }

  /**
   * @param title says what is done, as an activity: "Opening in the container"
   * @param environment whose row shows the steps too
   * @param quiet for work that is over before a person could read a notification
   * @returns the work's result; undefined where it failed or was cancelled, which has been told already
   */
  async run<T>(
    title: string,
    environment: Environment | undefined,
    work: (options: OperationOptions) => Promise<T>,
    { retry, quiet = false }: { retry?: () => unknown; quiet?: boolean } = {},
  ): Promise<T | undefined> {
    this.#log.info(title);
    const began = performance.now();
    try {
      return await vscode.window.withProgress(
        {
          location: quiet ? vscode.ProgressLocation.Window : vscode.ProgressLocation.Notification,
          title,
          cancellable: true,
        },
        async (progress, token) => {
          const cancel = new AbortController();
          const listening = token.onCancellationRequested(() => cancel.abort());
          const waiting = this.#tellWait(environment, title, (message) => progress.report({ message }));
          let step = '';
          try {
            return await work({
              signal: AbortSignal.any([cancel.signal, this.#end.signal]),
              progress: {
                step: (name) => {
                  waiting.dispose();
                  step = name;
                  this.#log.info(name);
                  progress.report({ message: name });
                  this.#setStep(environment, name);
                },
                line: (text) => {
                  this.#log.debug(text);
                  const said = shorten(text);
                  progress.report({ message: said === step ? step : `${step} — ${said}` });
                },
              },
            });
          } finally {
            waiting.dispose();
            listening.dispose();
          }
        },
      );
    } catch (error) {
      this.#errors.report(error, `${title}.`, retry ? { retry } : {});
      return undefined;
    } finally {
      this.#noLonger(environment, title);
      this.#setStep(environment, undefined);
      this.#log.info(`${title}: over after ${Math.round(performance.now() - began)} ms`);
    }
  }

  dispose(): void {
    this.#end.abort();
    this.#changed.dispose();
  }

  /**
   * Operations on one environment queue: whoever waits reads what for, and how far that is.
   * @returns what ends the telling, which the operation's own first step does
   */
  #tellWait(environment: Environment | undefined, title: string, say: (text: string) => void): Disposable {
    if (!environment) return { dispose: () => undefined };
    const before = this.#under.get(environment) ?? [];
    this.#under.set(environment, [...before, title]);
    const first = before[0];
    if (first === undefined) return { dispose: () => undefined };
    const tell = (): void => say([first, this.step(environment) ?? ''].filter(Boolean).join(': '));
    tell();
    return this.onDidChangeStep((changed) => {
      if (changed === environment) tell();
    });
  }

  #noLonger(environment: Environment | undefined, title: string): void {
    if (!environment) return;
    const titles = [...(this.#under.get(environment) ?? [])];
    titles.splice(titles.indexOf(title), 1);
    if (titles.length === 0) this.#under.delete(environment);
    else this.#under.set(environment, titles);
  }

  #setStep(environment: Environment | undefined, step: string | undefined): void {
    if (!environment) return;
    if (step === undefined) this.#steps.delete(environment);
    else this.#steps.set(environment, step);
    this.#changed.fire(environment);
  }
}

// Escape sequences of programs that colour their output.
// eslint-disable-next-line no-control-regex -- ESC is what they begin with
const escapes = /\u001b\[[0-9;]*[A-Za-z]/g;

function shorten(line: string): string {
  const plain = line.replace(escapes, '').trim();
  return plain.length > lineLength ? `${plain.slice(0, lineLength - 1)}…` : plain;
}
