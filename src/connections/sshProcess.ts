import type { Readable, Writable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import type { ExitStatus, RemoteProcess, TerminalSize } from './connection.ts';

/** How long a program may take to end by itself when its owner no longer wants it, in milliseconds. */
const graceMs = 2_000;

type Signal = Parameters<RemoteProcess['kill']>[0];

/** How a program ended, once it has. */
export class ProgramExit {
  status: ExitStatus | undefined;

  listen(channel: ClientChannel): void {
    channel.on('exit', (code: number | null, signalName?: string) => {
      this.status = { code: code ?? undefined, signal: signalName?.replace(/^SIG/, '') };
    });
  }
}

/** A program at the other end of a channel. */
export class SshProcess implements RemoteProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<ExitStatus>;
  readonly #channel: ClientChannel;
  readonly #tty: boolean;
  readonly #send: (signal: Signal) => Promise<void>;
  #settle: () => void = () => undefined;
  /** The program itself may be over before all that it said was read. */
  readonly #exit: ProgramExit;
  #over = false;
  #ending = false;

  /** @param send signals the program and resolves when that was done */
  constructor(
    channel: ClientChannel,
    exit: ProgramExit,
    tty: boolean,
    send: (signal: Signal) => Promise<void>,
  ) {
    this.#send = send;
    this.#channel = channel;
    this.#exit = exit;
    this.#tty = tty;
    this.stdin = channel;
    this.stdout = channel;
    this.stderr = channel.stderr;
    // Nothing comes there, and yet the channel closes only when it has been read to its end.
    if (tty) channel.stderr.resume();
    this.exit = new Promise((resolve) => {
      this.#settle = () => {
        this.#over = true;
        resolve(exit.status ?? { code: undefined, signal: undefined });
      };
      channel.once('close', this.#settle);
    });
  }

  resize(size: TerminalSize): void {
    if (this.#tty && !this.#over) this.#channel.setWindow(size.rows, size.columns, 0, 0);
  }

  async kill(signal: Signal): Promise<void> {
    if (!this.#exit.status && !this.#over) await this.#send(signal);
  }

  dispose(): void {
    if (this.#over || this.#ending) return;
    this.#ending = true;
    const { stdout, stderr } = this;
    stdout.resume();
    stderr.resume();
    if (this.#tty || this.#exit.status) {
      // The terminal hangs up, and what runs in it gets HUP; what is over needs to be told nothing.
      this.#channel.close();
      return;
    }
    const end = (signal: Signal): void => {
      // Where the connection is closed, the program's end is the machine's affair.
      this.#send(signal).catch(() => undefined);
    };
    end('TERM');
    const timer = setTimeout(() => {
      if (this.#over) return;
      end('KILL');
      this.#channel.close();
      this.#settle();
    }, graceMs);
    void this.exit.then(() => clearTimeout(timer));
  }
}
