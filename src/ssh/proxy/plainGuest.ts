import type { Duplex } from 'node:stream';
import { Emitter } from '../../base/event.ts';
import type { Connection, RemoteProcess } from '../../connections/connection.ts';
import type {
  ChannelEvents,
  Guest,
  GuestChannel,
  GuestListener,
  Program,
  ProgramRequest,
  Terminal,
} from '../../connections/guest/guest.ts';
import { windowBytes } from '../../connections/guest/frames.ts';

/** Goes home and becomes the user's own shell; what follows are its arguments. */
const asShell = `cd ~ 2>/dev/null || cd /
shell=$(sed -n "s/^$(id -un):.*:\\([^:]*\\)$/\\1/p" /etc/passwd 2>/dev/null)
exec "\${shell:-/bin/sh}" "$@"`;

/**
 * The environment where the agent cannot run: each program is one of the connection's own. There is no
 * sftp then, and nothing listens inside for the client.
 */
export class PlainGuest implements Guest {
  readonly onDidEnd;
  readonly #connection: Connection;
  readonly #why: string;
  readonly #ended = new Emitter<string>();
  readonly #life = new AbortController();

  /**
   * @param connection owned from now on
   * @param why the agent does not run, for whoever asks for what only it can do
   */
  constructor(connection: Connection, why: string) {
    this.onDidEnd = this.#ended.event;
    this.#connection = connection;
    this.#why = why;
    connection.onDidClose((error) => this.#ended.fire(error?.message ?? goneText));
  }

  async run({ program, terminal, env }: ProgramRequest, events: ChannelEvents): Promise<GuestChannel> {
    const process = await this.#connection.exec(
      {
        argv: ['/bin/sh', '-c', asShell, 'sh', ...this.#argumentsOf(program)],
        cwd: '/',
        env,
        ...(terminal ? { tty: terminal } : {}),
      },
      this.#life.signal,
    );
    return new ProgramChannel(process, terminal !== undefined, events);
  }

  async connectTcp(host: string, port: number, events: ChannelEvents): Promise<GuestChannel> {
    return new SocketChannel(await this.#connection.connectTcp(host, port, this.#life.signal), events);
  }

  connectUnix(): Promise<GuestChannel> {
    return Promise.reject(new Error(this.#why));
  }

  listenTcp(): Promise<GuestListener> {
    return Promise.reject(new Error(this.#why));
  }

  listenUnix(): Promise<GuestListener> {
    return Promise.reject(new Error(this.#why));
  }

  dispose(): void {
    this.#life.abort();
    this.#connection.dispose();
  }

  #argumentsOf(program: Program): readonly string[] {
    switch (program.kind) {
      case 'shell':
        return ['-l'];
      case 'command':
        return ['-c', program.command];
      case 'sftp':
        throw new Error(this.#why);
    }
  }
}

/** Holds up the reading of streams while the client has not taken what was read. */
class Valve {
  readonly #streams: readonly { pause(): unknown; resume(): unknown }[];
  #held = 0;

  constructor(...streams: readonly { pause(): unknown; resume(): unknown }[]) {
    this.#streams = streams;
  }

  add(bytes: number): void {
    const before = this.#held;
    this.#held += bytes;
    if (before < windowBytes && this.#held >= windowBytes) for (const stream of this.#streams) stream.pause();
    if (before >= windowBytes && this.#held < windowBytes)
      for (const stream of this.#streams) stream.resume();
  }
}

class ProgramChannel implements GuestChannel {
  readonly #process: RemoteProcess;
  readonly #hasTerminal: boolean;
  readonly #valve: Valve;

  constructor(process: RemoteProcess, hasTerminal: boolean, events: ChannelEvents) {
    this.#process = process;
    this.#hasTerminal = hasTerminal;
    this.#valve = new Valve(process.stdout, process.stderr);
    const ends = [process.stdout, process.stderr].map((stream, index) => {
      stream.on('data', (chunk: Buffer) => {
        this.#valve.add(chunk.length);
        events.onOutput(chunk, index === 1);
      });
      return new Promise((resolve) => stream.once('end', resolve).once('close', resolve));
    });
    process.stdin.on('drain', () => events.onRoom());
    // A program that ends without reading its input.
    process.stdin.on('error', () => undefined);
    Promise.all([process.exit, ...ends])
      .then(([{ code }]) => {
        if (code === undefined) {
          events.onClosed(goneText);
          return;
        }
        events.onExited?.({ by: 'itself', code });
        events.onEnded();
      })
      .catch((error: unknown) => events.onClosed(String(error)));
  }

  send(chunk: Buffer): boolean {
    return !this.#process.stdin.writable || this.#process.stdin.write(chunk);
  }

  finish(): void {
    // A terminal has one stream for both directions, and Docker would end both.
    if (!this.#hasTerminal) this.#process.stdin.end();
  }

  consumed(bytes: number): void {
    this.#valve.add(-bytes);
  }

  close(): void {
    this.#process.dispose();
  }

  resize(size: Terminal): void {
    this.#process.resize(size);
  }

  signal(name: string): void {
    if (name === 'INT' || name === 'TERM' || name === 'KILL' || name === 'HUP') {
      this.#process.kill(name).catch(() => undefined);
    }
  }
}

class SocketChannel implements GuestChannel {
  readonly #socket: Duplex;
  readonly #valve: Valve;

  constructor(socket: Duplex, events: ChannelEvents) {
    this.#socket = socket;
    this.#valve = new Valve(socket);
    socket.on('data', (chunk: Buffer) => {
      this.#valve.add(chunk.length);
      events.onOutput(chunk, false);
    });
    socket.on('drain', () => events.onRoom());
    socket.on('error', () => undefined);
    socket.once('end', () => events.onEnded());
    socket.once('close', () => events.onClosed(undefined));
  }

  send(chunk: Buffer): boolean {
    return !this.#socket.writable || this.#socket.write(chunk);
  }

  finish(): void {
    this.#socket.end();
  }

  consumed(bytes: number): void {
    this.#valve.add(-bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  // A socket has no terminal and takes no signals.
  resize(): void {
    return;
  }

  signal(): void {
    return;
  }
}

const goneText = 'The environment stopped.';
