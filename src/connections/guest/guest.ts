import type { Disposable } from '../../base/disposable.ts';
import type { Event } from '../../base/event.ts';

/** How a program ended: by itself, or by a signal (`TERM`, without SIG). */
export type ProgramEnd =
  | { readonly by: 'itself'; readonly code: number }
  | { readonly by: 'signal'; readonly signal: string; readonly coreDumped: boolean };

/** The size of a terminal. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** In pixels; 0 where the client does not say. */
  readonly width: number;
  readonly height: number;
}

export type Program =
  | { readonly kind: 'shell' }
  /** A line for the user's shell. */
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'sftp' };

export interface ProgramRequest {
  readonly program: Program;
  readonly terminal: Terminal | undefined;
  /** On top of what every program in the environment gets. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a channel tells its owner. All but `onRoom` come at most once, `onClosed` last. */
export interface ChannelEvents {
  onOutput(chunk: Buffer, isError: boolean): void;
  /** No more output. */
  onEnded(): void;
  onExited?(end: ProgramEnd): void;
  /** After `send` answered false: there is room again. */
  onRoom(): void;
  /** It is over; `reason` where it was cut. */
  onClosed(reason: string | undefined): void;
}

/** Two directions of bytes into the environment: a program's streams, or a socket. */
export interface GuestChannel {
  /** False where the sender is to wait for `onRoom`; what was given is taken in any case. */
  send(chunk: Buffer): boolean;
  /** No more input. */
  finish(): void;
  /** So many bytes of output went on their way, and room for more is there. */
  consumed(bytes: number): void;
  /** The owner wants no more of it: a program that still runs is hung up on. */
  close(): void;
  resize(size: Terminal): void;
  signal(name: string): void;
}

/** Something in the environment that takes connections. */
export interface GuestListener extends Disposable {
  /** The port, or the path. */
  readonly where: string;
}

export interface Accepted {
  /** Where the connection comes from; empty for a unix socket. */
  readonly host: string;
  readonly port: number;
  /** Makes its owner hear it; must be called at once. */
  serve(events: ChannelEvents): GuestChannel;
}

/** The environment as the SSH server needs it. Its owner ends it, and with it everything that runs through it. */
export interface Guest extends Disposable {
  /** Fires once, when the environment or the way to it went away by itself. */
  readonly onDidEnd: Event<string>;
  run(request: ProgramRequest, events: ChannelEvents): Promise<GuestChannel>;
  connectTcp(host: string, port: number, events: ChannelEvents): Promise<GuestChannel>;
  connectUnix(path: string, events: ChannelEvents): Promise<GuestChannel>;
  /** On the loopback interface; port 0 is any. */
  listenTcp(port: number, onConnection: (accepted: Accepted) => void): Promise<GuestListener>;
  /** Without a path at one of its own choosing, which only the user reaches. */
  listenUnix(path: string | undefined, onConnection: (accepted: Accepted) => void): Promise<GuestListener>;
}
