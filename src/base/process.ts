import type { Readable } from 'node:stream';

/**
 * A call of a program as data: pure functions build it, one runner runs it, and unit tests check both
 * ends against recorded output.
 */
export interface Command<T> {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the runner's own environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /**
   * Written to standard input, which is then closed. Without it standard input is empty. With a stream it is a
   * conversation: what the program prints is told line by line, and not kept.
   */
  readonly input?: string | Uint8Array | Readable;
  /** Bound on the whole call in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Whether it changes things for so long that it must not go on once this process died: it is then noted
   * where the next one finds it, and ended.
   */
  readonly recorded?: boolean;
  /** Whether it goes on until somebody ends it: it then ends with this process, however this one ends. */
  readonly tied?: boolean;
  /** Reads what the program printed on standard output. Throws where it is not what was expected. */
  parse(stdout: string): T;
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Each line as it is printed, on either stream. */
  readonly onLine?: ((line: string, stream: 'stdout' | 'stderr') => void) | undefined;
}

/** The port behind which programs run. The real one is `ExecaRunner`. */
export interface Runner {
  /**
   * Runs the command to its end. When the signal fires or the bound is over the program and its
   * children are ended, and the call rejects only after they are gone.
   * @throws CommandFailed where the program cannot be started, exits non-zero or takes too long
   */
  run<T>(command: Command<T>, options?: RunOptions): Promise<T>;
}

/** A program that did not do its work. Rooms turn it into a SwitchyardError that names the next step. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly program: string;
  readonly args: readonly string[];
  readonly reason: 'notFound' | 'exit' | 'timeout' | 'spawn';
  /** Undefined where the program did not start or was ended by a signal. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;

  constructor(parts: {
    program: string;
    args: readonly string[];
    reason: CommandFailed['reason'];
    exitCode?: number | undefined;
    stdout?: string;
    stderr?: string;
    cause?: unknown;
  }) {
    const stderr = parts.stderr ?? '';
    super(
      `${parts.program} ${parts.reason === 'exit' ? `exited with ${parts.exitCode ?? 'a signal'}` : `failed (${parts.reason})`}: ${lastLines(stderr, 5)}`,
      parts.cause === undefined ? undefined : { cause: parts.cause },
    );
    this.program = parts.program;
    this.args = parts.args;
    this.reason = parts.reason;
    this.exitCode = parts.exitCode;
    this.stdout = parts.stdout ?? '';
    this.stderr = stderr;
  }
}

/** The last `count` non-empty lines of a program's output. */
export function lastLines(text: string, count: number): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-count)
    .join('\n');
}
