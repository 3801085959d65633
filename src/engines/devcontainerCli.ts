import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { CommandFailed, type Command, type Runner } from '../base/process.ts';
import { silentProgress, type Progress } from '../base/progress.ts';
import { readCompose, type ComposeModel } from './compose.ts';
import {
  buildCommand,
  lastJson,
  readConfigurationCommand,
  readWrittenCommand,
  removeContainerCommand,
  runUserCommandsCommand,
  upCommand,
  type DevcontainerPrograms,
  type DevcontainerTarget,
  type ReadConfigurationResult,
  type UpResult,
} from './devcontainerCommands.ts';
import { explainFailure, type FailureOutcome } from './devcontainerErrors.ts';
import { DevcontainerLog, type BuiltImage } from './devcontainerLog.ts';

export type { DevcontainerPrograms, DevcontainerTarget, ReadConfigurationResult, UpResult };
export type { LifecycleCommand, MergedConfiguration } from './mergedConfiguration.ts';

/** What `up` came to: a container, or one in which a hook failed and which is kept. */
export type UpOutcome =
  | { readonly ok: true; readonly result: UpResult }
  | { readonly ok: false; readonly containerId: string; readonly problem: SwitchyardError };

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly progress?: Progress;
  /** Told each image that is built on the way, but those that a build begins with. */
  readonly onImage?: (image: BuiltImage) => void;
}

/** The reference implementation of the containers.dev spec, run as a program. */
export class DevcontainerCli {
  readonly #programs: DevcontainerPrograms;
  readonly #runner: Runner;
  readonly #log: Logger;

  constructor(programs: DevcontainerPrograms, runner: Runner, log: Logger) {
    this.#programs = programs;
    this.#runner = runner;
    this.#log = log;
  }

  /** @throws SwitchyardError */
  async readConfiguration(
    target: DevcontainerTarget,
    options: CallOptions & { readonly containerId?: string },
  ): Promise<ReadConfigurationResult> {
    const command = readConfigurationCommand(this.#programs, target, options.containerId);
    return orThrow(await this.#run(command, target, options));
  }

  /** What compose files come to; with none, those that Compose finds in the folder. @throws SwitchyardError */
  async readCompose(
    { folder, env }: DevcontainerTarget,
    files: readonly string[],
    signal: AbortSignal,
  ): Promise<ComposeModel> {
    return readCompose(this.#runner, this.#programs.docker, { cwd: folder, files, env }, signal);
  }

  /** The config as it is written, with its variables substituted; needs no Docker. @throws SwitchyardError */
  async readWritten(
    target: DevcontainerTarget,
    options: CallOptions,
  ): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#run(readWrittenCommand(this.#programs, target), target, options);
    return orThrow(answer).configuration;
  }

  /** @throws SwitchyardError `image.buildFailed`, `image.unavailable`, `disk.full`, … */
  async build(
    target: DevcontainerTarget,
    options: CallOptions & { readonly imageName: string | undefined; readonly noCache?: boolean },
  ): Promise<readonly string[]> {
    return orThrow(await this.#run(buildCommand(this.#programs, target, options), target, options));
  }

  /** @throws SwitchyardError; but where only a hook failed the container is kept, and the outcome says so */
  async up(
    target: DevcontainerTarget,
    options: CallOptions & { readonly rebuild?: boolean; readonly skipHooks?: boolean },
  ): Promise<UpOutcome> {
    const answer = await this.#run(upCommand(this.#programs, target, options), target, options);
    if (answer.ok) return { ok: true, result: answer.value };
    const { outcome, problem } = answer;
    if (outcome.containerId === undefined || problem.code !== 'hook.failed') throw problem;
    return { ok: false, containerId: outcome.containerId, problem };
  }

  /** Answers what a failed hook means; undefined where all went well. @throws SwitchyardError */
  async runUserCommands(
    target: DevcontainerTarget,
    options: CallOptions & { readonly containerId: string },
  ): Promise<SwitchyardError | undefined> {
    const command = runUserCommandsCommand(this.#programs, target, options.containerId);
    const answer = await this.#run(command, target, options);
    if (answer.ok) return undefined;
    if (answer.problem.code !== 'hook.failed') throw answer.problem;
    return answer.problem;
  }

  async #run<T>(command: Command<T>, target: DevcontainerTarget, options: CallOptions): Promise<Answer<T>> {
    const log = new DevcontainerLog(options.progress ?? silentProgress, this.#log, options.onImage);
    try {
      const value = await this.#runner.run(command, {
        signal: options.signal,
        onLine: (line, stream) => {
          if (stream === 'stderr') log.read(line);
        },
      });
      return { ok: true, value };
    } catch (error) {
      log.end();
      await this.#removeUnfinishedStep(log, target);
      if (!(error instanceof CommandFailed)) throw error;
      if (error.reason !== 'exit') throw notStarted(error);
      const outcome = failureOf(error);
      return { ok: false, outcome, problem: explainFailure(outcome, log.lines, target.configFile) };
    }
  }

  /** Runs after a failure or a cancellation, so it has a bound of its own. */
  async #removeUnfinishedStep(log: DevcontainerLog, target: DevcontainerTarget): Promise<void> {
    const id = log.unfinishedStep;
    if (id === undefined) return;
    try {
      await this.#runner.run(removeContainerCommand(this.#programs, target, id));
    } catch (error) {
      // What the person asked for has failed already; that is what to tell.
      this.#log.warn(`The container ${id} of a build step is left behind: ${String(error)}`);
    }
  }
}

type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly outcome: FailureOutcome; readonly problem: SwitchyardError };

function orThrow<T>(answer: Answer<T>): T {
  if (!answer.ok) throw answer.problem;
  return answer.value;
}

function failureOf(error: CommandFailed): FailureOutcome {
  try {
    return lastJson(error.stdout) as FailureOutcome;
  } catch {
    // Reading a configuration has no result where it fails: what was printed last is all there is.
    const line = error.stderr.split('\n').findLast((text) => text.trim() !== '') ?? '';
    return { outcome: 'error', message: errorIn(line) ?? line };
  }
}

/** The message of an error that the CLI wrote into its log as a text, with its stack below. */
function errorIn(line: string): string | undefined {
  try {
    const { text } = JSON.parse(line) as { readonly text?: unknown };
    return typeof text === 'string' ? /^(?:\w*Error: )?(.+)/.exec(text)?.[1] : undefined;
  } catch {
    // Another program's line, or half of one.
    return undefined;
  }
}

function notStarted(error: CommandFailed): SwitchyardError {
  return new SwitchyardError({
    code: error.reason === 'timeout' ? 'timeout' : 'internal',
    what: l10n.t('The Dev Containers CLI did not do its work.'),
    why:
      error.reason === 'timeout'
        ? l10n.t('It took too long and was ended.')
        : l10n.t('It could not be started: {0}', error.message),
    next: l10n.t('Look into the log, and try again.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
    detail: error.stderr,
    cause: error,
  });
}
