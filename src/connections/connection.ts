import type { Duplex, Readable, Writable } from 'node:stream';
import type { Disposable } from '../base/disposable.ts';
import type { Event } from '../base/event.ts';
import type { BulkTarget } from './sshBulk.ts';

/** The size of a terminal in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ExecRequest {
  /** The program and its arguments; they reach it as written, no shell in between. */
  readonly argv: readonly string[];
  /** Absolute path in the guest; default: the connection's default folder. */
  readonly cwd?: string;
  /** Added to the connection's own environment (the image's ENV, containerEnv, remoteEnv). */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the connection's user (remoteUser). */
  readonly user?: string;
  /** Gives the program a terminal; then everything it prints comes on `stdout`. */
  readonly tty?: TerminalSize;
}

/** How a program in a guest ended: its code, or the signal that ended it (`TERM`, `KILL`, …). */
export interface ExitStatus {
  /** Undefined where a signal ended it or the connection was lost. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

/** A program running in a guest. Its owner ends it by `dispose`. */
export interface RemoteProcess extends Disposable {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the program is over and both streams have ended; never rejects. */
  readonly exit: Promise<ExitStatus>;
  /** Only with a terminal; without one it does nothing. */
  resize(size: TerminalSize): void;
  /** Asks the program to end; `signal` without the SIG prefix. Best effort: not every guest can. */
  kill(signal: 'INT' | 'TERM' | 'KILL' | 'HUP'): Promise<void>;
}

/** A program that takes in or gives out much data. */
export interface BulkRequest {
  readonly argv: readonly string[];
  /** `pipe`, or an open file of this computer, which is read from where it stands to its end. */
  readonly stdin: 'ignore' | 'pipe' | number;
  /** `ignore`, or an open file of this computer, which is written from where it stands. */
  readonly stdout: 'ignore' | number;
}

/** A program that runs for a `BulkRequest`. Its owner ends it by `dispose`, or waits for its end. */
export interface BulkProcess extends Disposable {
  /** Where a pipe was asked for. */
  readonly stdin: Writable | undefined;
  /**
   * Never rejects. `code` is undefined where the way there failed, and not the program; `said` is the end of
   * what came on the standard error.
   */
  readonly exit: Promise<{ readonly code: number | undefined; readonly said: string }>;
}

/**
 * An open channel into an environment. A container (Docker exec) and a VM (SSH) implement it alike, and
 * what stands on it (terminals, hooks, sync, ports) never asks which one it has.
 */
export interface Connection extends Disposable {
  /** For the log: "container 3f2a…" or "dev@192.168.121.5". */
  readonly description: string;
  /** The user that programs run as unless a request names another. */
  readonly user: string;
  readonly isClosed: boolean;
  /** Fires once, when the connection ended for whatever reason. */
  readonly onDidClose: Event<Error | undefined>;
  /**
   * Starts a program. The signal bounds the start only; afterwards the caller owns the process.
   * @throws SwitchyardError `environment.gone` where the environment no longer runs
   */
  exec(request: ExecRequest, signal: AbortSignal): Promise<RemoteProcess>;
  /**
   * A way of its own for much data, with none of the connection's variables, on which no byte of an open file passes
   * through this process: quicker than `exec`, and slower to begin. Undefined where there is none, or none now. What it
   * began ends with the connection.
   */
  bulk?(request: BulkRequest, signal: AbortSignal): Promise<BulkProcess | undefined>;
  /** Where `bulk` goes, for another process of ours that does the same. */
  readonly bulkTarget?: BulkTarget;
  /** Opens a TCP stream to `host:port` as seen from inside the guest. */
  connectTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex>;
  /**
   * Opens a stream to a unix socket inside, at an absolute path that the connection's user reaches. Not there where a
   * kind of connection has no such thing.
   */
  connectUnix?(path: string, signal: AbortSignal): Promise<Duplex>;
  /**
   * Makes a unix socket inside that only the connection's user reaches, and hands on what connects to it. It
   * is taken away by `dispose`, and nobody answers behind it once the connection is closed. The signal bounds
   * the start only. Not there where a kind of connection has no such thing.
   * @throws SwitchyardError `config.unsupported` where the guest has no means for it
   */
  listenUnix?(onStream: (stream: Duplex) => void, signal: AbortSignal): Promise<GuestSocket>;
}

/** A unix socket inside that belongs to this side. */
export interface GuestSocket extends Disposable {
  /** Absolute, inside. */
  readonly path: string;
}

/** As a terminal has it (Ctrl+D): what waits for a line in it ends. */
export const endOfInput = '\u0004';

/** The output of a program that ran to its end. */
export interface ExecResult {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}
