import type { Duplex } from 'node:stream';
import * as l10n from '@vscode/l10n';
import type { ClientChannel } from 'ssh2';
import { abortable } from '../base/abort.ts';
import { DisposableStore, toDisposable } from '../base/disposable.ts';
import { SwitchyardError } from '../base/errors.ts';
import { Emitter, type Event } from '../base/event.ts';
import type {
  BulkProcess,
  BulkRequest,
  Connection,
  ExecRequest,
  GuestSocket,
  RemoteProcess,
} from './connection.ts';
import { SshBulk, type BulkTarget } from './sshBulk.ts';
import { remoteCommand } from './sshCommand.ts';
import { hangUp, keepAlive, login, type SshLogin, type SshTarget } from './sshLogin.ts';
import { ProgramExit, SshProcess } from './sshProcess.ts';
import { SshSockets } from './sshSockets.ts';
import { markName, newMark, signalProgram } from './sshSignal.ts';

export type { SshTarget } from './sshLogin.ts';

/** What every program gets unless its request says otherwise. */
export interface SshDefaults {
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Bound on logging in, and on opening a channel of a living connection, in milliseconds. */
const defaultLoginMs = 20_000;
/** For a guest known to be slow: software emulation on a busy computer. */
const slowLoginMs = 60_000;
const channelMs = 20_000;

/** A program that was begun, and what tells of its end. */
interface Begun {
  readonly channel: ClientChannel;
  readonly exit: ProgramExit;
}

/**
 * Logs in.
 * @param loginMs bound in milliseconds; longer for a server that is only just starting
 * @param socket a connection to the server that nothing was said on yet; one is made where there is none
 * @throws SwitchyardError `ssh.hostKey` where the server shows another key than the known ones,
 *   `ssh.failed` where it cannot be reached or does not let us in
 */
export async function connectSsh(
  target: SshTarget,
  defaults: SshDefaults,
  signal: AbortSignal,
  loginMs = defaultLoginMs,
  socket?: Duplex,
): Promise<SshConnection> {
  return new SshConnection(target, defaults, await login(target, target.user, loginMs, signal, socket));
}

/** A connection into a machine over SSH; one TCP connection, many channels. */
export class SshConnection implements Connection {
  readonly description: string;
  readonly user: string;
  readonly #target: SshTarget;
  readonly #defaults: SshDefaults;
  readonly #login: SshLogin;
  readonly #life = new AbortController();
  readonly #owned = new DisposableStore();
  readonly #bulk: SshBulk;
  readonly #closed = new Emitter<Error | undefined>();
  #isClosed = false;
  #failure: Error | undefined;
  readonly #sockets: SshSockets;
  #admin: Promise<SshLogin> | undefined;

  constructor(target: SshTarget, defaults: SshDefaults, loggedIn: SshLogin) {
    this.#target = target;
    this.#defaults = defaults;
    this.#login = loggedIn;
    const { client } = loggedIn;
    this.user = target.user;
    this.description = `${target.user}@${target.host}`;
    this.#sockets = new SshSockets(this, client);
    client.on('error', (error) => (this.#failure ??= error));
    client.once('close', () => this.#onClose());
    this.#owned.add(toDisposable(() => hangUp(loggedIn)));
    this.#bulk = this.#owned.add(new SshBulk(target));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get onDidClose(): Event<Error | undefined> {
    return this.#closed.event;
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<RemoteProcess> {
    const mark = newMark();
    const marked = { ...request, env: { ...request.env, [markName]: mark } };
    const { channel, exit } = await this.#program(marked, signal);
    return new SshProcess(channel, exit, request.tty !== undefined, (name) =>
      this.#signal({ argv: signalProgram(mark, name), user: request.user ?? this.user, cwd: '/' }),
    );
  }

  /** Runs a program that signals another one, to its end. */
  async #signal(request: ExecRequest): Promise<void> {
    const { channel } = await this.#program(request, AbortSignal.timeout(channelMs));
    channel.resume();
    channel.stderr.resume();
    await new Promise((resolve) => channel.once('close', resolve));
  }

  async #program(request: ExecRequest, signal: AbortSignal): Promise<Begun> {
    const cwd = request.cwd ?? this.#defaults.cwd;
    const full = {
      argv: request.argv,
      env: { ...this.#defaults.env, ...request.env },
      ...(cwd === undefined ? {} : { cwd }),
    };
    const pty = request.tty && {
      cols: request.tty.columns,
      rows: request.tty.rows,
      term: request.env?.['TERM'] ?? 'xterm-256color',
    };
    const other = request.user !== undefined && request.user !== this.user ? request.user : undefined;
    const { admin } = this.#target;
    let { client } = this.#login;
    let command = remoteCommand(full);
    if (other !== undefined && admin === undefined) {
      command = remoteCommand(full, { by: 'sudo', user: other });
    } else if (other !== undefined) {
      if (admin !== this.user) ({ client } = await this.#adminLogin(admin ?? 'root', signal));
      if (other !== admin) command = remoteCommand(full, { by: 'setpriv', user: other });
    }
    const exit = new ProgramExit();
    const channel = await this.#open<ClientChannel>(signal, (done) => {
      client.exec(command, pty ? { pty } : {}, (error, opened) => {
        // A program that is over at once says so in the same breath, before whoever waits here goes on.
        if (!error) exit.listen(opened);
        done(error, opened);
      });
    });
    return { channel, exit };
  }

  get bulkTarget(): BulkTarget {
    const { host, port, user, identityFile, hostKeys, through } = this.#target;
    return {
      ...{ host, port, user, hostKeys },
      ...(identityFile === undefined ? {} : { identityFile }),
      ...(through === undefined ? {} : { through }),
    };
  }

  async bulk(request: BulkRequest, signal: AbortSignal): Promise<BulkProcess | undefined> {
    return this.#isClosed ? undefined : this.#bulk.start(request, signal);
  }

  async connectTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    return this.#open<ClientChannel>(signal, (done) => {
      this.#login.client.forwardOut('127.0.0.1', 0, host, port, done);
    });
  }

  async connectUnix(path: string, signal: AbortSignal): Promise<Duplex> {
    return this.#open<ClientChannel>(signal, (done) => {
      this.#login.client.openssh_forwardOutStreamLocal(path, done);
    });
  }

  async listenUnix(onStream: (stream: Duplex) => void, signal: AbortSignal): Promise<GuestSocket> {
    return this.#sockets.listen(
      onStream,
      (begin) => this.#ask<undefined>(signal, (done) => begin((error) => done(error, undefined))),
      signal,
    );
  }

  /**
   * The machine sleeps with its end of the connection, and goes on with it when it wakes: until then nobody
   * takes its silence for its end.
   */
  async setAsleep(asleep: boolean): Promise<void> {
    keepAlive(this.#login, !asleep);
    const admin = await this.#admin?.catch(() => undefined);
    if (admin) keepAlive(admin, !asleep);
  }

  /** Closed at once: whoever asks next must not be given a connection that is on its way out. */
  dispose(): void {
    this.#onClose();
  }

  /**
   * A second login, made the first time that somebody else than the connection's user is asked for. It is the
   * connection's: whoever does not wait for it any more leaves it to those who do.
   */
  async #adminLogin(admin: string, signal: AbortSignal): Promise<SshLogin> {
    if (this.#isClosed) throw this.#gone();
    try {
      return await abortable((this.#admin ??= this.#beginAdminLogin(admin)), signal);
    } catch (error) {
      throw this.#life.signal.aborted ? this.#gone() : error;
    }
  }

  #beginAdminLogin(admin: string): Promise<SshLogin> {
    const opening = login(this.#target, admin, slowLoginMs, this.#life.signal).then((opened) => {
      opened.client.on('error', () => undefined);
      opened.client.once('close', forget);
      this.#owned.add(toDisposable(() => hangUp(opened)));
      return opened;
    });
    const forget = (): void => {
      if (this.#admin === opening) this.#admin = undefined;
    };
    opening.catch(forget);
    return opening;
  }

  /** Opens a channel within a bound; one that comes too late is closed again. */
  async #open<T extends Duplex>(
    signal: AbortSignal,
    begin: (done: (error: Error | undefined, channel: T) => void) => void,
  ): Promise<T> {
    return this.#ask<T>(signal, begin, (late) => late.destroy());
  }

  /** Asks the server within a bound. @param onLate is handed the answer that nobody waits for any more */
  async #ask<T>(
    signal: AbortSignal,
    begin: (done: (error: Error | undefined, answer: T) => void) => void,
    onLate?: (answer: T) => void,
  ): Promise<T> {
    signal.throwIfAborted();
    if (this.#isClosed) throw this.#gone();
    return new Promise<T>((resolve, reject) => {
      let settled = false;
      const settle = (act: () => void): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        closing.dispose();
        act();
      };
      const onAbort = (): void => settle(() => reject(signal.reason as Error));
      const timer = setTimeout(
        () => settle(() => reject(this.#refused(l10n.t('It did not answer in {0} s.', channelMs / 1000)))),
        channelMs,
      );
      signal.addEventListener('abort', onAbort, { once: true });
      const closing = this.onDidClose(() => settle(() => reject(this.#gone())));
      try {
        begin((error, answer) => {
          if (error) settle(() => reject(this.#refused(error.message, error)));
          else if (settled) onLate?.(answer);
          else settle(() => resolve(answer));
        });
      } catch (error) {
        // ssh2 throws at once where the socket is gone already.
        settle(() => reject(this.#refused(String(error), error)));
      }
    });
  }

  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#life.abort(new DOMException('The connection was closed.', 'AbortError'));
    this.#owned.dispose();
    this.#closed.fire(this.#failure);
    this.#closed.dispose();
  }

  #gone(): SwitchyardError {
    return new SwitchyardError({
      code: 'environment.gone',
      what: l10n.t('The connection to {0} is closed.', this.description),
      why: this.#failure?.message ?? l10n.t('The virtual machine stopped, or was suspended.'),
      next: l10n.t('Open the environment again.'),
      remedies: [{ do: 'retry' }],
      cause: this.#failure,
    });
  }

  #refused(why: string, cause?: unknown): SwitchyardError {
    return new SwitchyardError({
      code: 'ssh.failed',
      what: l10n.t('{0} opened no channel.', this.description),
      why,
      next: l10n.t('Try again; if it stays so, restart the virtual machine.'),
      remedies: [{ do: 'retry' }, { do: 'showLog' }],
      cause,
    });
  }
}
