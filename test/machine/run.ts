import { execa, ExecaError } from 'execa';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Bound on the whole call in milliseconds. */
  readonly timeoutMs: number;
  /** Everything that the program prints is appended to this file. */
  readonly log?: string;
  /** Each line as it is printed, on either stream. */
  readonly onLine?: (line: string) => void;
}

/** A program that did not do its work; the message holds the last lines of what it printed. */
export class RunFailed extends Error {
  override readonly name = 'RunFailed';
  readonly output: string;
  constructor(what: string, output: string, log: string | undefined, cause: unknown) {
    const last = output.trimEnd().split('\n').slice(-12).join('\n');
    super(
      [what, last, log === undefined ? '' : `The whole log: ${log}`].filter((part) => part !== '').join('\n'),
      {
        cause,
      },
    );
    this.output = output;
  }
}

/**
 * Runs a program to its end and answers what it printed on both streams, in order.
 * @throws RunFailed where it cannot be started, exits non-zero or takes longer than its bound
 */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<string> {
  const child = execa(program, args, {
    all: true,
    stdin: 'ignore',
    timeout: options.timeoutMs,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  let logged: Promise<void> | undefined;
  if (options.log !== undefined) {
    await mkdir(dirname(options.log), { recursive: true });
    const file = createWriteStream(options.log, { flags: 'a' });
    file.write(`$ ${program} ${args.join(' ')}\n`);
    child.all.pipe(file);
    logged = finished(file);
  }
  try {
    const [result] = await Promise.all([child, options.onLine && readLines(child, options.onLine)]);
    return result.all;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const why =
      error.code === 'ENOENT'
        ? 'is not installed'
        : error.timedOut
          ? `took longer than ${Math.round(options.timeoutMs / 1000)} s`
          : `exited with ${error.exitCode ?? error.signal ?? 'an error'}`;
    throw new RunFailed(
      `${program} ${why}.`,
      typeof error.all === 'string' ? error.all : '',
      options.log,
      error,
    );
  } finally {
    await logged;
  }
}

async function readLines(
  child: { iterable(options: { from: 'all' }): AsyncIterable<unknown> },
  onLine: (line: string) => void,
): Promise<void> {
  for await (const line of child.iterable({ from: 'all' })) onLine(String(line));
}
