import { Readable } from 'node:stream';
import { CommandFailed, type Command, type RunOptions, type Runner } from './process.ts';
import type { Disposable } from './disposable.ts';
import type { Logger } from './log.ts';
import { signalGroup, type ProcessLedger } from './processLedger.ts';

/** How long a program may take to end by itself after SIGTERM, in milliseconds, before SIGKILL. */
const graceMs = 5_000;

/** Runs commands as child processes of this one, and is their owner: what still runs ends with it. */
export class ExecaRunner implements Runner, Disposable {
  readonly #log: Logger;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #ledger: ProcessLedger | undefined;
  readonly #running = new Set<number>();
  #disposed = false;

  /**
   * @param env what every command gets on top of this process's environment
   * @param ledger where commands that must not outlive this process are noted
   */
  constructor(log: Logger, env: Readonly<Record<string, string | undefined>> = {}, ledger?: ProcessLedger) {
    this.#log = log;
    this.#env = env;
    this.#ledger = ledger;
  }

  dispose(): void {
    this.#disposed = true;
    for (const pid of this.#running) signalGroup(pid, 'SIGTERM');
  }

  async run<T>(command: Command<T>, options: RunOptions = {}): Promise<T> {
    // Read when the first program runs: a window that opens does not wait for it.
    const { execa, ExecaError } = await import('execa');
    options.signal?.throwIfAborted();
    if (this.#disposed) throw new Error(`${command.program} was asked for after the end.`);
    const started = performance.now();
    const describe = [command.program, ...command.args].join(' ');
    const [program, ...args] = command.tied && process.platform !== 'win32' ? tied(command) : words(command);
    // A group of its own, so that ending the program ends what it started too.
    const child = execa(program, args, {
      detached: process.platform !== 'win32',
      env: { ...this.#env, ...command.env },
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      ...(command.input === undefined
        ? { stdin: command.tied ? ('pipe' as const) : ('ignore' as const) }
        : { input: command.input }),
      stripFinalNewline: false,
      // What goes on for days would keep all it ever printed.
      buffer: { stdout: !(command.input instanceof Readable) },
      maxBuffer: 256 * 1024 * 1024,
    });
    const { pid } = child;
    if (pid !== undefined) this.#running.add(pid);
    const forget = command.recorded && pid !== undefined ? this.#ledger?.add(pid, describe) : undefined;
    let ended: 'abort' | 'timeout' | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    const end = (why: 'abort' | 'timeout'): void => {
      if (ended) return;
      ended = why;
      signalGroup(child.pid, 'SIGTERM');
      killTimer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
    };
    const onAbort = (): void => end('abort');
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const bound = setTimeout(() => end('timeout'), command.timeoutMs);
    const lines: Promise<void>[] = [];
    if (options.onLine) {
      const onLine = options.onLine;
      // The lines of a program that failed end with its failure, which is reported below.
      const isOwnFailure = (error: unknown): boolean => error instanceof ExecaError;
      lines.push(
        forEachLine(child.iterable({ from: 'stdout' }), (line) => onLine(line, 'stdout'), isOwnFailure),
      );
      lines.push(
        forEachLine(child.iterable({ from: 'stderr' }), (line) => onLine(line, 'stderr'), isOwnFailure),
      );
    }
    try {
      const result = await child;
      return command.parse(asText(result.stdout));
    } catch (error) {
      if (ended === 'abort') throw options.signal?.reason;
      if (!(error instanceof ExecaError)) throw error;
      throw new CommandFailed({
        program: command.program,
        args: command.args,
        reason:
          ended ?? (error.exitCode !== undefined ? 'exit' : error.code === 'ENOENT' ? 'notFound' : 'spawn'),
        exitCode: error.exitCode,
        stdout: asText(error.stdout),
        stderr: asText(error.stderr),
        cause: error,
      });
    } finally {
      // The last lines are told before the call is over.
      await Promise.all(lines);
      if (pid !== undefined) this.#running.delete(pid);
      forget?.();
      clearTimeout(bound);
      clearTimeout(killTimer);
      options.signal?.removeEventListener('abort', onAbort);
      this.#log.debug(`${describe} (${Math.round(performance.now() - started)} ms)`);
    }
  }
}

type Call = Pick<Command<unknown>, 'program' | 'args'>;

function words({ program, args }: Call): [string, ...string[]] {
  return [program, ...args];
}

/**
 * A shell that ends the program when its own standard input ends, which it does when this process is gone,
 * killed or not. A group alone outlives whoever made it.
 */
function tied(call: Call): [string, ...string[]] {
  const script = `exec 3<&0
"$@" < /dev/null 3<&- & program=$!
(while read -r _; do :; done; kill "$program") <&3 > /dev/null 2>&1 & guard=$!
exec 3<&-
wait "$program"; code=$?
kill "$guard" 2> /dev/null
exit "$code"`;
  return ['/bin/sh', '-c', script, 'sh', ...words(call)];
}

async function forEachLine(
  lines: AsyncIterable<unknown>,
  visit: (line: string) => void,
  isExpected: (error: unknown) => boolean,
): Promise<void> {
  try {
    for await (const line of lines) visit(String(line));
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
}

function asText(output: unknown): string {
  return typeof output === 'string' ? output : '';
}
