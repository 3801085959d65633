import type { Command } from '../base/process.ts';
import type { MergedConfiguration } from './mergedConfiguration.ts';

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
export function lastJson(stdout: string): unknown {
  const line = stdout
    .split('\n')
    .map((text) => text.trim())
    .findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error('The Dev Containers CLI printed no result.');
  return JSON.parse(line);
}
