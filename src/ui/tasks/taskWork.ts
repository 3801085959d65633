import { quote, quoteAll } from '../../base/shell.ts';
import type { EnvironmentKind } from '../../base/kinds.ts';
import { toGuest, type SameFolder } from './pathMap.ts';

/** A task of the type `switchyard`, as tasks.json has it. */
export interface TaskDefinition {
  readonly type: string;
  /** A line of the shell; with `args` a program. */
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly environment?: EnvironmentKind | 'active';
}

/** What a task runs, and where; as the host writes paths. */
export interface TaskWork {
  readonly argv: readonly string[];
  /** Relative to the workspace folder, or absolute. */
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** A definition as it came out of somebody's tasks.json; undefined where it is none. */
export function readDefinition(value: object): TaskDefinition | undefined {
  const { type, command, args, cwd, env, environment } = value as Readonly<Record<string, unknown>>;
  if (typeof type !== 'string' || typeof command !== 'string' || command === '') return undefined;
  const isKind = environment === 'host' || environment === 'container' || environment === 'vm';
  return {
    type,
    command,
    ...(Array.isArray(args) ? { args: args.map(String) } : {}),
    ...(typeof cwd === 'string' ? { cwd } : {}),
    ...(typeof env === 'object' && env !== null
      ? { env: Object.fromEntries(Object.entries(env).map(([name, text]) => [name, String(text)])) }
      : {}),
    environment: isKind ? environment : 'active',
  };
}

export function workOf({ command, args, cwd, env }: TaskDefinition): TaskWork {
  return {
    argv: args === undefined ? shellLine(command) : [command, ...args],
    cwd,
    env: env ?? {},
  };
}

/** A line of the guest's shell as a program with arguments. */
export function shellLine(line: string): readonly string[] {
  return ['/bin/sh', '-c', line];
}

/** A word of another task's command line; VS Code gives those that need quotes as objects. */
export type Word = string | { readonly value: string; readonly quoting: number };

/**
 * The line of a task of another type. A bare word stands as it was written, as VS Code's own shell tasks take
 * it; one with a quoting of its own is quoted whole.
 */
export function lineOf(command: Word, args: readonly Word[]): string {
  const word = (part: Word, isCommand: boolean): string => {
    if (typeof part !== 'string') return quote(part.value);
    return isCommand || !/\s/.test(part) ? part : quote(part);
  };
  return [word(command, true), ...args.map((part) => word(part, false))].join(' ');
}

/** The same work as the guest runs it. */
export function insideGuest(
  work: TaskWork,
  folder: SameFolder,
): {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
} {
  const map = (text: string): string => toGuest(text, folder);
  const cwd = map(work.cwd ?? folder.guest);
  return {
    argv: work.argv.map(map),
    cwd: cwd.startsWith('/') ? cwd : `${folder.guest}/${cwd}`,
    env: Object.fromEntries(Object.entries(work.env).map(([name, text]) => [name, map(text)])),
  };
}

/** For the first line of a task's terminal. */
export function describeWork({ argv }: Pick<TaskWork, 'argv'>): string {
  const [program, option, line] = argv;
  return program === '/bin/sh' && option === '-c' && line !== undefined ? line : quoteAll(argv);
}
