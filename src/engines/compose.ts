import * as l10n from '@vscode/l10n';
import { CommandFailed, lastLines, type Command, type Runner } from '../base/process.ts';
import { composeMissing, composeUnreadable } from './composeErrors.ts';

/** Which compose files, and from where they are read. */
export interface ComposeFiles {
  /** Absolute. */
  readonly cwd: string;
  /** Absolute, each over the one before. With none, Compose finds them itself in `cwd`. */
  readonly files: readonly string[];
  /** DOCKER_HOST and the like. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** An object of a compose file, of which nothing is known but its names. */
export type ComposeObject = Readonly<Record<string, unknown>>;

/**
 * What the files come to: merged, with their variables put in and their paths absolute. A dollar sign in a value
 * is still written as two.
 * @see https://docs.docker.com/reference/compose-file/
 */
export interface ComposeModel {
  /** Compose 1 does not say it. */
  readonly name?: string;
  readonly services: Readonly<Record<string, ComposeObject>>;
  readonly networks?: Readonly<Record<string, ComposeObject | null>>;
  readonly volumes?: Readonly<Record<string, ComposeObject | null>>;
  readonly secrets?: Readonly<Record<string, ComposeObject>>;
  readonly configs?: Readonly<Record<string, ComposeObject>>;
}

/** One way to call Compose: the plugin of the Docker command line, or the program of its own that came before it. */
export interface ComposeProgram {
  readonly program: string;
  readonly args: readonly string[];
}

/** Both ways, the newer one first, as the Dev Containers CLI has it. */
export function composePrograms(docker: string): readonly ComposeProgram[] {
  return [
    { program: docker, args: ['compose'] },
    { program: 'docker-compose', args: [] },
  ];
}

/** Whether it can be called. */
export function composeVersionCommand({ program, args }: ComposeProgram): Command<string> {
  return {
    program,
    args: [...args, 'version', '--short'],
    timeoutMs: 30_000,
    parse: (stdout) => stdout.trim(),
  };
}

/** What the files come to, as YAML. */
export function composeConfigCommand(
  { program, args }: ComposeProgram,
  { cwd, files, env }: ComposeFiles,
): Command<string> {
  return {
    program,
    args: [...args, ...files.flatMap((file) => ['-f', file]), 'config'],
    cwd,
    env: { ...env },
    timeoutMs: 60_000,
    parse: (stdout) => stdout,
  };
}

/** @throws SwitchyardError `docker.missing`, `config.invalid` */
export async function readCompose(
  runner: Runner,
  docker: string,
  where: ComposeFiles,
  signal: AbortSignal,
): Promise<ComposeModel> {
  const program = await findCompose(runner, docker, signal);
  let text: string;
  try {
    text = await runner.run(composeConfigCommand(program, where), { signal });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw composeUnreadable(lastLines(error.stderr, 4), where.files[0], { cause: error });
  }
  // Not needed before: a window that opens does not wait for it.
  const { parse } = await import('yaml');
  const model: unknown = parse(text);
  if (isModel(model)) return model;
  throw composeUnreadable(l10n.t('They have no services.'), where.files[0]);
}

async function findCompose(runner: Runner, docker: string, signal: AbortSignal): Promise<ComposeProgram> {
  for (const program of composePrograms(docker)) {
    try {
      await runner.run(composeVersionCommand(program), { signal });
      return program;
    } catch (error) {
      // The other way may be there.
      if (!(error instanceof CommandFailed)) throw error;
    }
  }
  throw composeMissing();
}

/** What Compose checked already is taken as it is; it may have had nothing to check. */
function isModel(value: unknown): value is ComposeModel {
  return isObject(value) && isObject(value['services']);
}

export function isObject(value: unknown): value is ComposeObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
