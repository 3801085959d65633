import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import * as l10n from '@vscode/l10n';
import type { Exec } from 'dockerode';
import { pollUntil } from '../base/abort.ts';
import { isCancellation, SwitchyardError } from '../base/errors.ts';
import { Emitter } from '../base/event.ts';
import type { Logger } from '../base/log.ts';
import type { DockerEngine } from '../engines/docker.ts';
import { statusOf } from '../engines/dockerErrors.ts';
import {
  endOfInput,
  type Connection,
  type ExecRequest,
  type ExecResult,
  type ExitStatus,
  type GuestSocket,
  type RemoteProcess,
  type TerminalSize,
} from './connection.ts';
import { DockerProcess } from './dockerProcess.ts';
import { isContainerGone, runInContainer } from './dockerRun.ts';
import { findLeaderArgv, signalSessionArgv, tagVariable } from './dockerSession.ts';
import { DockerSockets } from './dockerSockets.ts';

/** Which container, and how programs run in it unless a request says otherwise. */
export interface DockerTarget {
  readonly containerId: string;
  readonly user: string;
  /** On top of the container's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path inside. */
  readonly cwd: string;
}

/** How long the engine may take to notice that a program ended, in milliseconds. */
const settleMs = 2_000;

/** A connection into a running container through Docker exec. */
export class DockerConnection implements Connection {
  readonly description: string;
  readonly user: string;
  readonly #engine: DockerEngine;
  readonly #target: DockerTarget;
  readonly #log: Logger;
  readonly #closed = new Emitter<Error | undefined>();
  readonly #life = new AbortController();
  readonly #processes = new Set<RemoteProcess>();
  readonly #sockets: DockerSockets;
  readonly onDidClose = this.#closed.event;

  constructor(engine: DockerEngine, target: DockerTarget, log: Logger) {
    this.#engine = engine;
    this.#target = target;
    this.#log = log;
    this.user = target.user;
    this.#sockets = new DockerSockets(this);
    this.description = `container ${target.containerId.slice(0, 12)} as ${target.user}`;
    void this.#waitForEnd();
  }

  get isClosed(): boolean {
    return this.#life.signal.aborted;
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<RemoteProcess> {
    const tag = randomUUID();
    const user = request.user ?? this.user;
    const exec = await this.#create(request, user, tag, signal);
    const socket = await this.#engine.ask(
      l10n.t('The program could not be started in the container.'),
      // Told at the start too, or the engine frames what the terminal prints.
      (_docker, bound) =>
        exec.start({ hijack: true, stdin: true, Tty: request.tty !== undefined, abortSignal: bound }),
      { signal, timeoutMs: Infinity },
    );
    if (request.tty) await this.#sizeAtStart(exec, request.tty, socket, signal);
    let leader: number | undefined;
    // Not before: it may end at once, and whoever gets it is to hear what it says from its beginning.
    const remote = new DockerProcess(socket, request.tty !== undefined, {
      exitStatus: () => this.#exitStatus(exec),
      resize: ({ columns, rows }) => this.#quietly(() => exec.resize({ w: columns, h: rows })),
      signal: async (name) => {
        leader ??= await this.#leaderOf(exec, tag, user);
        if (leader !== undefined) await this.#run('0', signalSessionArgv(leader, name));
      },
      report: (error) => this.#report(error),
    });
    this.#processes.add(remote);
    void remote.exit.then(() => this.#processes.delete(remote));
    if (this.isClosed || signal.aborted) {
      remote.dispose();
      signal.throwIfAborted();
    }
    return remote;
  }

  async connectTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    return this.#sockets.connect(host, port, signal);
  }

  async listenUnix(onStream: (stream: Duplex) => void, signal: AbortSignal): Promise<GuestSocket> {
    return this.#sockets.listen(onStream, signal);
  }

  dispose(): void {
    this.#close(undefined);
  }

  #close(error: Error | undefined): void {
    if (this.isClosed) return;
    this.#sockets.dispose();
    for (const remote of this.#processes) remote.dispose();
    this.#life.abort(new DOMException('The connection was closed.', 'AbortError'));
    this.#closed.fire(error);
    this.#closed.dispose();
  }

  /** The engine answers this call when the container ends, however it does. */
  async #waitForEnd(): Promise<void> {
    const signal = this.#life.signal;
    try {
      await this.#engine.ask(
        l10n.t('The container cannot be watched.'),
        (docker, bound) => docker.getContainer(this.#target.containerId).wait({ abortSignal: bound }),
        { signal, timeoutMs: Infinity },
      );
      this.#close(undefined);
    } catch (error) {
      if (!signal.aborted) this.#close(error as Error);
    }
  }

  async #create(request: ExecRequest, user: string, tag: string, signal: AbortSignal): Promise<Exec> {
    const env = {
      ...(request.tty ? { TERM: 'xterm-256color' } : {}),
      ...this.#target.env,
      ...request.env,
      [tagVariable]: tag,
    };
    return this.#engine.ask(
      l10n.t('The program could not be started in the container.'),
      async (docker, bound) => {
        try {
          return await docker.getContainer(this.#target.containerId).exec({
            Cmd: [...request.argv],
            User: user,
            WorkingDir: request.cwd ?? this.#target.cwd,
            Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
            AttachStdin: true,
            AttachStdout: true,
            AttachStderr: true,
            Tty: request.tty !== undefined,
            ...(request.tty ? { ConsoleSize: [request.tty.rows, request.tty.columns] } : {}),
            abortSignal: bound,
          });
        } catch (error) {
          throw isContainerGone(error) ? gone(error) : error;
        }
      },
      { signal },
    );
  }

  /** Engines before API 1.42 take no size at the start, and for a moment there is no terminal to size. */
  async #sizeAtStart(
    exec: Exec,
    { columns, rows }: TerminalSize,
    socket: Duplex,
    signal: AbortSignal,
  ): Promise<void> {
    // At once: who gives the program up may not live until its terminal has a size.
    const endInput = (): void => void socket.write(endOfInput);
    signal.addEventListener('abort', endInput, { once: true });
    if (signal.aborted) endInput();
    const sized = await pollUntil(
      async () => {
        try {
          await exec.resize({ w: columns, h: rows });
          return true;
        } catch (error) {
          if (statusOf(error) === undefined) throw error;
          return undefined;
        }
      },
      { everyMs: 10, timeoutMs: 500, signal: AbortSignal.any([this.#life.signal, signal]) },
    ).catch((error: unknown) => {
      if (!signal.aborted) this.#report(error);
    });
    signal.removeEventListener('abort', endInput);
    if (!sized) this.#log.debug(`${this.description}: the terminal kept its first size`);
  }

  async #exitStatus(exec: Exec): Promise<ExitStatus | undefined> {
    return this.#engine.ask(
      l10n.t('The program in the container cannot be asked how it ended.'),
      (_docker, signal) =>
        pollUntil(
          async () => {
            try {
              const { Running, ExitCode } = await exec.inspect();
              return Running ? undefined : { code: ExitCode ?? undefined, signal: undefined };
            } catch (error) {
              // The engine forgets an exec with its container.
              if (statusOf(error) === 404) return { code: undefined, signal: undefined };
              throw error;
            }
          },
          { everyMs: 10, timeoutMs: settleMs, signal },
        ),
      { signal: new AbortController().signal },
    );
  }

  /** Undefined where the program is over, or the image has no shell to look for it. */
  async #leaderOf(exec: Exec, tag: string, user: string): Promise<number | undefined> {
    return pollUntil(
      async () => {
        const { code, stdout } = await this.#run(user, findLeaderArgv(tag));
        if (code === 0) return Number(stdout.toString().trim());
        if (code !== 1) this.#log.warn(`${this.description}: no shell to end programs with (${code})`);
        return code === 1 && (await exec.inspect()).Running ? undefined : Number.NaN;
      },
      { everyMs: 50, timeoutMs: settleMs, signal: new AbortController().signal },
    ).then((leader) => (Number.isNaN(leader) ? undefined : leader));
  }

  /** A program of ours, also after the connection was closed. */
  async #run(user: string, argv: readonly string[]): Promise<ExecResult> {
    return runInContainer(
      this.#engine,
      this.#target.containerId,
      { argv, user },
      new AbortController().signal,
    );
  }

  async #quietly(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // The program ended in between.
      if (statusOf(error) === undefined) throw error;
    }
  }

  #report(error: unknown): void {
    if (isCancellation(error)) return;
    this.#log.warn(`${this.description}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function gone(error: unknown): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.gone',
    what: l10n.t('The container no longer runs.'),
    why: l10n.t('It was stopped, paused or removed.'),
    next: l10n.t('Open it again.'),
    remedies: [{ do: 'retry' }],
    cause: error,
  });
}
