import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { CommandFailed, type Command, type Runner } from '../base/process.ts';
import { silentProgress, type Progress } from '../base/progress.ts';
import { readCompose, type ComposeModel } from './compose.ts';
import { explainFailure, type FailureOutcome } from './devcontainerErrors.ts';
import { DevcontainerLog } from './devcontainerLog.ts';

/** Where the programs are. */
export interface DevcontainerPrograms {
  /** A Node.js; inside VS Code its own `process.execPath`. */
  readonly node: string;
  /** Absolute path of the CLI's `devcontainer.js`. */
  readonly cli: string;
  /** The Docker command line that the CLI calls. */
  readonly docker: string;
  /** For every call, on top of the runner's: ELECTRON_RUN_AS_NODE inside VS Code. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Which project. The CLI finds only two of the spec's three places by itself, so it is always told. */
export interface DevcontainerTarget {
  readonly folder: string;
  readonly configFile: string;
  /** Read instead of `configFile`, whose place still counts for relative paths. */
  readonly overrideConfigFile?: string;
  /** DOCKER_HOST and the like, so that the CLI asks the same engine as we do. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export type LifecycleCommand =
  string | readonly string[] | Readonly<Record<string, string | readonly string[]>>;

/**
 * A devcontainer.json with the image's and the features' metadata merged in and variables substituted,
 * by the spec's rules. Only what Switchyard reads; a property that is not set is missing.
 * @see https://containers.dev/implementors/spec/#merge-logic
 */
export interface MergedConfiguration {
  readonly name?: string;
  readonly image?: string;
  readonly dockerComposeFile?: string | readonly string[];
  readonly service?: string;
  readonly runServices?: readonly string[];
  readonly remoteUser?: string;
  readonly containerUser?: string;
  readonly remoteEnv?: Readonly<Record<string, string | null>>;
  readonly containerEnv?: Readonly<Record<string, string>>;
  readonly forwardPorts?: readonly (number | string)[];
  readonly portsAttributes?: Readonly<Record<string, unknown>>;
  readonly otherPortsAttributes?: unknown;
  readonly initializeCommand?: LifecycleCommand;
  readonly onCreateCommands?: readonly LifecycleCommand[];
  readonly updateContentCommands?: readonly LifecycleCommand[];
  readonly postCreateCommands?: readonly LifecycleCommand[];
  readonly postStartCommands?: readonly LifecycleCommand[];
  readonly postAttachCommands?: readonly LifecycleCommand[];
  readonly userEnvProbe?: string;
  readonly waitFor?: string;
  readonly updateRemoteUserUID?: boolean;
  readonly runArgs?: readonly string[];
  readonly mounts?: readonly unknown[];
  readonly privileged?: boolean;
  readonly init?: boolean;
  readonly capAdd?: readonly string[];
  readonly securityOpt?: readonly string[];
  readonly entrypoints?: readonly string[];
  readonly workspaceFolder?: string;
  readonly workspaceMount?: string;
  readonly appPort?: unknown;
  readonly overrideCommand?: boolean;
  readonly shutdownAction?: string;
  readonly hostRequirements?: Readonly<Record<string, unknown>>;
}

export interface ReadConfigurationResult {
  /** As written, with variables substituted. */
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly mergedConfiguration: MergedConfiguration;
  readonly workspace: { readonly workspaceFolder: string; readonly workspaceMount?: string };
}

export interface UpResult {
  readonly containerId: string;
  readonly remoteUser: string;
  /** Absolute path of the workspace in the container. */
  readonly remoteWorkspaceFolder: string;
  readonly mergedConfiguration: MergedConfiguration;
}

/** What `up` came to: a container, or one in which a hook failed and which is kept. */
export type UpOutcome =
  | { readonly ok: true; readonly result: UpResult }
  | { readonly ok: false; readonly containerId: string; readonly problem: SwitchyardError };

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly progress?: Progress;
}

const minute = 60_000;

/** `read-configuration`: the config as the CLI understands it; starts nothing. */
export function readConfigurationCommand(
  programs: DevcontainerPrograms,
  target: DevcontainerTarget,
  containerId?: string,
): Command<ReadConfigurationResult> {
  return {
    ...call(programs, target, 'read-configuration', [
      '--include-merged-configuration',
      ...(containerId === undefined ? [] : ['--container-id', containerId]),
    ]),
    timeoutMs: 2 * minute,
    parse: (stdout) => lastJson(stdout) as ReadConfigurationResult,
  };
}

/**
 * `read-configuration` for an environment that no container engine has a part in: the config as it is written,
 * with its variables substituted, and nothing merged in. The CLI looks for a container all the same; the
 * program that it asks finds none.
 */
export function readWrittenCommand(
  programs: DevcontainerPrograms,
  target: DevcontainerTarget,
): Command<Pick<ReadConfigurationResult, 'configuration'>> {
  return {
    ...call({ ...programs, docker: 'true' }, target, 'read-configuration', []),
    timeoutMs: 2 * minute,
    parse: (stdout) => lastJson(stdout) as Pick<ReadConfigurationResult, 'configuration'>,
  };
}

/** `build`: the project's image with its features, under this name or the CLI's own. Answers its names. */
export function buildCommand(
  programs: DevcontainerPrograms,
  target: DevcontainerTarget,
  options: { readonly imageName: string | undefined; readonly noCache?: boolean },
): Command<readonly string[]> {
  return {
    ...call(programs, target, 'build', [
      ...(options.imageName === undefined ? [] : ['--image-name', options.imageName]),
      ...(options.noCache ? ['--no-cache'] : []),
    ]),
    timeoutMs: 120 * minute,
    recorded: true,
    parse: (stdout) => [(lastJson(stdout) as { imageName: string | string[] }).imageName].flat(),
  };
}

/** `up`: creates or starts the container and runs the hooks that are due. */
export function upCommand(
  programs: DevcontainerPrograms,
  target: DevcontainerTarget,
  options: { readonly rebuild?: boolean; readonly skipHooks?: boolean } = {},
): Command<UpResult> {
  return {
    ...call(programs, target, 'up', [
      '--include-merged-configuration',
      ...(options.rebuild ? ['--remove-existing-container'] : []),
      ...(options.skipHooks ? ['--skip-post-create'] : []),
    ]),
    // A hook may rightly take very long; a person can cancel it.
    timeoutMs: 24 * 60 * minute,
    recorded: true,
    parse: (stdout) => lastJson(stdout) as UpResult,
  };
}

/** `run-user-commands`: the hooks that are due in a running container. */
export function runUserCommandsCommand(
  programs: DevcontainerPrograms,
  target: DevcontainerTarget,
  containerId: string,
): Command<void> {
  return {
    ...call(programs, target, 'run-user-commands', ['--container-id', containerId]),
    timeoutMs: 24 * 60 * minute,
    recorded: true,
    parse: () => undefined,
  };
}

/** Removes a container, whether it runs, ended or is gone already. */
export function removeContainerCommand(
  programs: DevcontainerPrograms,
  target: DevcontainerTarget,
  id: string,
): Command<void> {
  return {
    program: programs.docker,
    args: ['rm', '--force', '--volumes', id],
    env: { ...target.env },
    timeoutMs: minute,
    parse: () => undefined,
  };
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
    const log = new DevcontainerLog(options.progress ?? silentProgress, this.#log);
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

function call(
  programs: DevcontainerPrograms,
  target: DevcontainerTarget,
  verb: string,
  rest: readonly string[],
): Pick<Command<unknown>, 'program' | 'args' | 'env'> {
  return {
    program: programs.node,
    args: [
      programs.cli,
      verb,
      '--workspace-folder',
      target.folder,
      '--config',
      target.configFile,
      ...(target.overrideConfigFile === undefined ? [] : ['--override-config', target.overrideConfigFile]),
      '--docker-path',
      programs.docker,
      '--log-format',
      'json',
      ...rest,
    ],
    env: { ...programs.env, ...target.env },
  };
}

/** The CLI's answer: the last line of standard output that is an object. */
function lastJson(stdout: string): unknown {
  const line = stdout
    .split('\n')
    .map((text) => text.trim())
    .findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error('The Dev Containers CLI printed no result.');
  return JSON.parse(line);
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
