import { Readable, type Duplex } from 'node:stream';
import type { ExitStatus, RemoteProcess, TerminalSize } from './connection.ts';
import { BatchReader } from './batchReader.ts';
import { DockerDemux } from './dockerDemux.ts';

/** What a process needs of its connection. */
export interface ExecControl {
  /** How the program ended, once its stream has ended; undefined where it runs on. */
  exitStatus(): Promise<ExitStatus | undefined>;
  resize(size: TerminalSize): Promise<void>;
  /** Sends a signal to everything in the program's session. */
  signal(name: 'INT' | 'TERM' | 'KILL' | 'HUP'): Promise<void>;
  /** What cannot be thrown to anybody. */
  report(error: unknown): void;
}

/** A program run by Docker exec over a hijacked connection. */
export class DockerProcess implements RemoteProcess {
  readonly stdin: Duplex;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<ExitStatus>;
  readonly #socket: Duplex;
  readonly #control: ExecControl;
  readonly #tty: boolean;
  #reader: BatchReader | undefined;
  #over = false;
  #disposed = false;

  /** @param socket the hijacked connection; owned from now on */
  constructor(socket: Duplex, tty: boolean, control: ExecControl) {
    this.#socket = socket;
    this.#control = control;
    this.#tty = tty;
    // Written to as it is: to end it closes the program's standard input and leaves the output open.
    this.stdin = socket;
    const resume = (): void => this.#reader?.resume();
    this.stdout = new Readable({ read: resume });
    this.stderr = new Readable({ read: resume });
    this.exit = this.#pump();
  }

  resize(size: TerminalSize): void {
    if (!this.#tty || this.#over) return;
    // A program that ended meanwhile has no terminal to resize.
    this.#control.resize(size).catch((error: unknown) => this.#control.report(error));
  }

  async kill(signal: 'INT' | 'TERM' | 'KILL' | 'HUP'): Promise<void> {
    if (!this.#over) await this.#control.signal(signal);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#over) return;
    this.#end().catch((error: unknown) => this.#control.report(error));
  }

  /** Docker lets a program run on when its client goes away: it is told, and then made, to end. */
  async #end(): Promise<void> {
    try {
      await this.#control.signal(this.#tty ? 'HUP' : 'TERM');
      if (!(await endsWithin(this.exit, graceMs))) await this.#control.signal('KILL');
    } finally {
      this.#socket.destroy();
    }
  }

  async #pump(): Promise<ExitStatus> {
    const { promise: ended, resolve } = Promise.withResolvers<undefined>();
    const socket = this.#socket;
    const push = (to: Readable) => (payload: Buffer) => {
      // Both streams share one connection: a reader that is slow on one holds up the other, too.
      if (!to.push(payload)) this.#reader?.pause();
    };
    const demux = new DockerDemux(push(this.stdout), push(this.stderr));
    const onData = this.#tty ? push(this.stdout) : (chunk: Buffer) => demux.write(chunk);
    this.#reader = new BatchReader(socket, onData);
    const onEnd = (): void => resolve(undefined);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', (error) => {
      this.#control.report(error);
      onEnd();
    });
    await ended;
    this.stdout.push(null);
    this.stderr.push(null);
    try {
      const status = await this.#control.exitStatus();
      if (status) return status;
      // The stream was cut, not ended: nobody hears the program any more.
      await this.#control.signal('KILL');
    } catch (error) {
      this.#control.report(error);
    } finally {
      this.#over = true;
      socket.destroy();
    }
    return { code: undefined, signal: undefined };
  }
}

/** How long a program may take to end by itself, in milliseconds. */
const graceMs = 2_000;

async function endsWithin(exit: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, ms, false)));
  try {
    return await Promise.race([exit.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
