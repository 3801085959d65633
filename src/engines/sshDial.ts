import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import http from 'node:http';
import { Duplex } from 'node:stream';
import type { Disposable } from '../base/disposable.ts';

/** Bytes of what ssh says on standard error that are kept: its last words are the ones that matter. */
const keptWords = 8_192;
/** How long an unused connection stays for the next call, in milliseconds. */
const idleMs = 30_000;

/** An engine on another computer. */
export interface SshAddress {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: string | undefined;
  /** The engine's socket over there; undefined for that of the docker command line there. */
  readonly socket: string | undefined;
}

/** A computer that is reached over SSH. */
export type SshHost = Omit<SshAddress, 'socket'>;

/** What ssh could not do: its own words, and its exit status. */
export class SshDialFailed extends Error {
  override readonly name = 'SshDialFailed';
  readonly said: string;
  readonly status: number | undefined;

  constructor(said: string, status: number | undefined) {
    super(said === '' ? `ssh ended with ${status ?? 'a signal'}` : said);
    this.said = said;
    this.status = status;
  }
}

/**
 * `ssh://[user@]host[:port][/path/of/the.sock]`.
 * @throws RangeError where it is no such address, or would be taken for an option by ssh
 */
export function sshAddress(endpoint: string): SshAddress {
  const match = /^ssh:\/\/(?:([^@/]+)@)?(\[[0-9a-fA-F:.]+\]|[^:/@]+)(?::(\d+))?(\/.*)?$/.exec(endpoint);
  const [, user, host = '', port, socket] = match ?? [];
  if (!match || host.startsWith('-') || user?.startsWith('-')) {
    throw new RangeError(`Not an address of an engine over SSH: ${endpoint}`);
  }
  return {
    host: host.replace(/^\[|\]$/g, ''),
    user,
    port,
    socket: socket === undefined || socket === '/' ? undefined : socket,
  };
}

/**
 * Arguments for the system's ssh, so that its config, keys, agent, jump hosts and known hosts hold. It never
 * asks: nobody could answer it here.
 * @see https://docs.docker.com/engine/security/protect-access/#use-ssh-to-protect-the-docker-daemon-socket
 */
export function dialArguments({ socket, ...host }: SshAddress): string[] {
  return [
    '-T',
    ...reach(host),
    ...['--', host.host, 'docker'],
    // A shell over there reads this.
    ...(socket === undefined ? [] : ['--host', `'unix://${socket.replaceAll("'", `'\\''`)}'`]),
    ...['system', 'dial-stdio'],
  ];
}

/** Arguments for the system's ssh whose streams are to be those of a port that the other computer reaches. */
export function hopArguments(through: SshHost, host: string, port: number): string[] {
  return ['-T', ...reach(through), '-W', `${host}:${port}`, '--', through.host];
}

function reach({ user, port }: SshHost): string[] {
  return [
    ...['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=30'],
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', port]),
  ];
}

/** A connection to a port that another computer reaches; it fails where ssh does. */
export function dialThrough(
  through: SshHost,
  host: string,
  port: number,
  env: NodeJS.ProcessEnv = process.env,
): Duplex {
  return new DialStream(spawn('ssh', hopArguments(through, host, port), { env, windowsHide: true }));
}

/**
 * Connections to an engine on another computer, for node:http: each is one ssh that runs there what joins its
 * streams to the engine's socket. Those not in use serve the next call for a while.
 */
export class SshAgent extends http.Agent implements Disposable {
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #open = new Set<DialStream>();

  /** @throws RangeError where `endpoint` is no address of an engine over SSH */
  constructor(endpoint: string, env: Readonly<Record<string, string | undefined>>) {
    super({ keepAlive: true, maxFreeSockets: 2, timeout: idleMs });
    this.#args = dialArguments(sshAddress(endpoint));
    this.#env = { ...env };
  }

  override createConnection(): Duplex {
    const stream = new DialStream(spawn('ssh', this.#args, { env: this.#env, windowsHide: true }));
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    return stream;
  }

  dispose(): void {
    this.destroy();
    for (const stream of this.#open) stream.destroy();
  }
}

/** A program's standard input and output as what node:http takes for a socket. */
class DialStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  #said = '';
  #idleMs = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(child: ChildProcessWithoutNullStreams) {
    super({ allowHalfOpen: true });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => {
      this.#touch();
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-keptWords);
    });
    // What it could not take is told by how it ends.
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => this.destroy(error));
    child.once('close', (status) => {
      if (status === 0) this.push(null);
      else this.destroy(new SshDialFailed(this.#said.trim(), status ?? undefined));
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#touch();
    // A write that fails comes with the program's end, which says more.
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#child.kill();
    done(error);
  }

  /** As of a socket: `timeout` is emitted after so many milliseconds without a byte; 0 for never. */
  setTimeout(ms: number, onTimeout?: () => void): this {
    this.#idleMs = ms;
    if (onTimeout) this.once('timeout', onTimeout);
    this.#touch();
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    this.#child.ref();
    return this;
  }

  unref(): this {
    this.#child.unref();
    return this;
  }

  #touch(): void {
    clearTimeout(this.#idle);
    this.#idle = this.#idleMs > 0 ? setTimeout(() => this.emit('timeout'), this.#idleMs).unref() : undefined;
  }
}
