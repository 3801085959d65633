import { randomUUID } from 'node:crypto';
import { Duplex, type Readable } from 'node:stream';
import * as l10n from '@vscode/l10n';
import type { Exec } from 'dockerode';
import { pollUntil } from '../base/abort.ts';
import { isCancellation, SwitchyardError } from '../base/errors.ts';
import { Emitter } from '../base/event.ts';
import type { Logger } from '../base/log.ts';
import type { DockerEngine } from '../engines/docker.ts';
import { statusOf } from '../engines/dockerErrors.ts';
import type {
  Connection,
  ExecRequest,
  ExecResult,
  ExitStatus,
  RemoteProcess,
  TerminalSize,
} from './connection.ts';
import { DockerProcess } from './dockerProcess.ts';
import { isContainerGone, runInContainer } from './dockerRun.ts';
import { findLeaderArgv, signalSessionArgv, tagVariable } from './dockerSession.ts';
import { connectedByte, findRelayArgv, relays, type Relay } from './relay.ts';
import { run } from './run.ts';

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
  #relay: Promise<Relay> | undefined;
  readonly onDidClose = this.#closed.event;

  constructor(engine: DockerEngine, target: DockerTarget, log: Logger) {
    this.#engine = engine;
    this.#target = target;
    this.#log = log;
    this.user = target.user;
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
    if (request.tty) await this.#sizeAtStart(exec, request.tty);
    let leader: number | undefined;
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
    this.#relay ??= this.#findRelay(signal);
    let relay: Relay;
    try {
      relay = await this.#relay;
    } catch (error) {
      this.#relay = undefined;
      throw error;
    }
    const remote = await this.exec({ argv: relay.argv(host, port), cwd: '/' }, signal);
    const complaint: Buffer[] = [];
    remote.stderr.on('data', (chunk: Buffer) => complaint.push(chunk));
    const onAbort = (): void => remote.dispose();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await readConnected(remote.stdout);
    } catch (error) {
      remote.dispose();
      signal.throwIfAborted();
      throw new SwitchyardError({
        code: 'environment.gone',
        what: l10n.t('Port {0} in the container could not be reached.', port),
        why: Buffer.concat(complaint).toString().trim().split('\n').at(-1) ?? '',
        next: l10n.t('Start the program that listens there, and try again.'),
        remedies: [{ do: 'retry' }],
        cause: error,
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    const duplex = Duplex.from({ readable: remote.stdout, writable: remote.stdin });
    duplex.once('close', () => remote.dispose());
    return duplex;
  }

  dispose(): void {
    this.#close(undefined);
  }

  #close(error: Error | undefined): void {
    if (this.isClosed) return;
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
  async #sizeAtStart(exec: Exec, { columns, rows }: TerminalSize): Promise<void> {
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
      { everyMs: 10, timeoutMs: 500, signal: this.#life.signal },
    ).catch((error: unknown) => this.#report(error));
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

  async #findRelay(signal: AbortSignal): Promise<Relay> {
    const { stdout } = await run(this, { argv: findRelayArgv, cwd: '/' }, signal);
    const name = stdout.toString().trim();
    const relay = relays.find(({ program }) => program === name);
    if (relay) return relay;
    throw new SwitchyardError({
      code: 'config.unsupported',
      what: l10n.t('Ports of this container cannot be reached.'),
      why: l10n.t(
        'Its image has none of the programs that could pass a connection on: {0}.',
        relays.map(({ program }) => program).join(', '),
      ),
      next: l10n.t('Add one of them to the image, or publish the port with "appPort".'),
    });
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

/** Waits for the byte that says that the relay is connected, and takes it away. */
async function readConnected(stdout: Readable): Promise<void> {
  const first = await new Promise<Buffer | undefined>((resolve) => {
    const onReadable = (): void => {
      const byte = stdout.read(1) as Buffer | null;
      if (byte) settle(byte);
    };
    const onEnd = (): void => settle(undefined);
    const settle = (byte: Buffer | undefined): void => {
      stdout.off('readable', onReadable);
      stdout.off('end', onEnd);
      resolve(byte);
    };
    stdout.on('readable', onReadable);
    stdout.on('end', onEnd);
  });
  if (first?.[0] !== connectedByte) throw new Error('The relay ended before it was connected.');
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
