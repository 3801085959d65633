import { abortable } from '../base/abort.ts';
import type { Disposable } from '../base/disposable.ts';
import { isCancellation } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { quote } from '../base/shell.ts';
import {
  endOfInput,
  type Connection,
  type RemoteProcess,
  type TerminalSize,
} from '../connections/connection.ts';

/** How long a terminal that is held may take to be made, in milliseconds. */
const prepareMs = 30_000;

/** What tells programs about the terminal around them. */
export const terminalEnv = { TERM: 'xterm-256color', COLORTERM: 'truecolor', TERM_PROGRAM: 'vscode' };

/** What the held program says: go on; not any more (ASCII's ACK and NAK, which nothing else prints here). */
const goOn = 0x06;
const stale = 0x15;

/**
 * The user's own shell as the guest's user database names it, else bash, else sh. Not a login shell:
 * /etc/profile of Debian would replace the PATH that the image set.
 */
const findShell =
  's=$(getent passwd "$(id -un)" 2>/dev/null | cut -d: -f7); [ -x "$s" ] || s=$(command -v bash || echo /bin/sh)';

const shellArgv = ['/bin/sh', '-c', `${findShell}; exec "$s"`];

/**
 * All but the shell itself: started, in its terminal, it waits for a line of ours. Only then the shell comes, so
 * that it reads its startup files as they are at that moment. What the kernel gave the program at its start
 * and would not give it now (the groups of its user), makes it stale: they are compared ahead of time, and then only
 * whether their file is still the same, because a shell reads a file byte by byte.
 */
const gateScript = `${findShell}
user=$(id -un)
fresh() {
  while read -r name line; do
    case $name in Gid:|Groups:) set -- "$@" $line ;; esac
  done < /proc/self/status
  while IFS=: read -r name _ gid members; do
    case ",$members," in *",$user,"*) case " $* " in *" $gid "*) ;; *) return 1 ;; esac ;; esac
  done < /etc/group
} 2>/dev/null
groups() { all=; while IFS= read -r line; do all="$all$line;"; done 2>/dev/null < /etc/group; }
groups; before=$all
fresh || { printf '\\025'; exit 0; }
printf '\\006'
IFS= read -r line || exit 0
eval "$line"
groups
[ "$all" = "$before" ] && cd -- "$1" || { printf '\\025'; exit 0; }
printf '\\006'
exec "$s"`;

/**
 * The shells of the terminals in an environment. To start a program and its terminal is most of what a
 * terminal costs, so that is done ahead of time for the next one: one is held, and ends with this.
 */
export class ShellReserve implements Disposable {
  readonly connection: Connection;
  readonly #cwd: string;
  readonly #aloneMs: number;
  readonly #log: Logger;
  readonly #end = new AbortController();
  #held: Promise<RemoteProcess | undefined> | undefined;
  #refill: NodeJS.Timeout | undefined;
  #busy: Promise<unknown> | undefined;

  /**
   * @param cwd where the shells begin: an absolute path inside
   * @param aloneMs how long a shell that was just opened has the guest for itself before the next is made, in
   * milliseconds
   */
  constructor(connection: Connection, cwd: string, aloneMs: number, log: Logger) {
    this.connection = connection;
    this.#cwd = cwd;
    this.#aloneMs = aloneMs;
    this.#log = log;
  }

  /** Holds a shell ready from now on. */
  prepare(): void {
    if (!this.#end.signal.aborted) this.#held ??= this.#hold();
  }

  /** Holds a shell ready when the guest has done what it is doing: that goes first. */
  prepareAfter(busy: Promise<unknown>): void {
    this.#busy = busy;
    void busy.then(() => {
      if (this.#busy !== busy) return;
      this.#busy = undefined;
      this.prepare();
    });
  }

  /**
   * The user's shell in a terminal. The signal bounds the start only; afterwards the caller owns it.
   * @param variables on top of what every program gets; one that is held takes no more of them than fit a line of a
   * terminal
   * @throws SwitchyardError `environment.gone` where the environment no longer runs
   */
  async open(
    size: TerminalSize,
    signal: AbortSignal,
    variables: Readonly<Record<string, string>> = {},
  ): Promise<RemoteProcess> {
    const line = assignments(variables);
    const held = this.#held;
    this.#held = undefined;
    clearTimeout(this.#refill);
    this.#refill = setTimeout(() => {
      if (!this.#busy) this.prepare();
    }, this.#aloneMs);
    this.#refill.unref();
    const ready = await this.#use(held, line, size, signal);
    if (ready) return ready;
    const env = { ...variables, ...terminalEnv };
    return this.connection.exec({ argv: shellArgv, cwd: this.#cwd, env, tty: size }, signal);
  }

  dispose(): void {
    this.#end.abort(new DOMException('Nobody needs a shell any more.', 'AbortError'));
    clearTimeout(this.#refill);
    const held = this.#held;
    this.#held = undefined;
    void held?.then((shell) => shell && letGo(shell));
  }

  /** Never rejects: without one that is held, a shell takes longer and that is all. */
  async #hold(): Promise<RemoteProcess | undefined> {
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(prepareMs)]);
    let shell: RemoteProcess | undefined;
    try {
      shell = await this.connection.exec(
        {
          argv: ['/bin/sh', '-c', gateScript, 'sh', this.#cwd],
          cwd: this.#cwd,
          env: terminalEnv,
          tty: { columns: 80, rows: 24 },
        },
        signal,
      );
      // A guest that goes away breaks the pipe; its end tells it.
      shell.stdin.on('error', () => undefined);
      if ((await answer(shell, signal)) === goOn) return shell;
    } catch (error) {
      if (!isCancellation(error)) this.#log.debug(`${this.connection.description}: ${String(error)}`);
    }
    if (shell) letGo(shell);
    return undefined;
  }

  /** The shell that was held; undefined where there is none, or it will not do any more. */
  async #use(
    held: Promise<RemoteProcess | undefined> | undefined,
    line: string,
    size: TerminalSize,
    signal: AbortSignal,
  ): Promise<RemoteProcess | undefined> {
    if (!held) return undefined;
    let shell: RemoteProcess | undefined;
    try {
      shell = await abortable(held, signal);
      if (!shell) return undefined;
      shell.resize(size);
      shell.stdin.write(`${line}\n`);
      if ((await answer(shell, signal)) === goOn) return shell;
      shell.dispose();
      return undefined;
    } catch (error) {
      void held.then((late) => late?.dispose());
      throw error;
    }
  }
}

/** For the shell that waits, in one line. */
function assignments(variables: Readonly<Record<string, string>>): string {
  const words = Object.entries(variables).map(([name, value]) => `${name}=${quote(value)}`);
  return words.length === 0 ? '' : `export ${words.join(' ')}`;
}

/**
 * Ends one that is held, or is about to be. The end of its input, as a terminal has it (Ctrl+D), is on its way at once
 * and ends it also where this process does not live to do more.
 */
function letGo(shell: RemoteProcess): void {
  shell.stdin.write(endOfInput);
  shell.dispose();
}

/** Reads until the program says how it goes on; what comes after is left to be read. Undefined at its end. */
async function answer(shell: RemoteProcess, signal: AbortSignal): Promise<number | undefined> {
  const { stdout } = shell;
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const onReadable = (): void => {
    for (let chunk = stdout.read() as Buffer | null; chunk; chunk = stdout.read() as Buffer | null) {
      const at = chunk.findIndex((byte) => byte === goOn || byte === stale);
      if (at === -1) continue;
      stdout.off('readable', onReadable);
      if (at + 1 < chunk.length) stdout.unshift(chunk.subarray(at + 1));
      resolve(chunk[at]);
      return;
    }
  };
  stdout.on('readable', onReadable);
  void shell.exit.then(() => resolve(undefined));
  try {
    return await abortable(promise, signal);
  } finally {
    stdout.off('readable', onReadable);
  }
}
