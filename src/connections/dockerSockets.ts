import { Duplex, type Readable } from 'node:stream';
import * as l10n from '@vscode/l10n';
import { abortable, withDeadline } from '../base/abort.ts';
import type { Disposable } from '../base/disposable.ts';
import { SwitchyardError } from '../base/errors.ts';
import type { Connection, GuestSocket } from './connection.ts';
import type { AgentGuest } from './guest/agentGuest.ts';
import { ChannelStream } from './guest/channelStream.ts';
import { startAgent } from './guest/startAgent.ts';
import { agentProgram, connectedByte, findProgramArgv, relays, type Relay } from './relay.ts';
import { run } from './run.ts';

/** Bound on starting the agent, in milliseconds. */
const startMs = 30_000;

/** The programs of a container, in which sockets are made. */
type Programs = Pick<Connection, 'exec'>;

/**
 * The sockets of a container, whose engine offers only programs: one agent makes them all, which the first
 * starts. Without Perl each connection has a program of its own, and nothing listens.
 */
export class DockerSockets implements Disposable {
  readonly #connection: Connection;
  readonly #life = new AbortController();
  #program: Promise<string> | undefined;
  #agent: Promise<AgentGuest> | undefined;

  /** @param connection of the container; its owner disposes this with it */
  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** As `Connection.connectTcp`. */
  async connect(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const program = await this.#find(signal);
    if (program !== agentProgram) {
      const relay = relays.find((each) => each.program === program);
      if (!relay) throw unreachable();
      return relayed(this.#connection, relay, { host, port }, signal);
    }
    const agent = await this.#start(signal);
    const stream = new ChannelStream();
    try {
      return await abortable(
        agent.connectTcp(host, port, stream).then((channel) => stream.attach(channel)),
        signal,
      );
    } catch (error) {
      // One that comes too late is closed again.
      stream.destroy();
      signal.throwIfAborted();
      throw refused(port, error instanceof Error ? error.message : String(error), error);
    }
  }

  /** As `Connection.listenUnix`. */
  async listen(onStream: (stream: Duplex) => void, signal: AbortSignal): Promise<GuestSocket> {
    if ((await this.#find(signal)) !== agentProgram) {
      throw new SwitchyardError({
        code: 'config.unsupported',
        what: l10n.t('Nothing of this computer can be brought into this container.'),
        why: l10n.t('Its image has no perl, which this needs.'),
        next: l10n.t('Add it to the image, and rebuild the container.'),
      });
    }
    const agent = await this.#start(signal);
    const listener = await agent.listenUnix(undefined, (accepted) => {
      const stream = new ChannelStream();
      stream.attach(accepted.serve(stream));
      onStream(stream);
    });
    if (signal.aborted) listener.dispose();
    signal.throwIfAborted();
    return { path: listener.where, dispose: () => listener.dispose() };
  }

  dispose(): void {
    this.#life.abort(new DOMException('The connection was closed.', 'AbortError'));
    this.#agent?.then((agent) => agent.dispose()).catch(() => undefined);
  }

  /** What the image has to make sockets with; empty where it has nothing. */
  async #find(signal: AbortSignal): Promise<string> {
    const finding = (this.#program ??= run(
      this.#connection,
      { argv: findProgramArgv, cwd: '/' },
      withDeadline(this.#life.signal, startMs),
    ).then(({ stdout }) => stdout.toString().trim()));
    try {
      return await abortable(finding, signal);
    } catch (error) {
      if (!signal.aborted) this.#program = undefined;
      throw error;
    }
  }

  /** The one that runs, or a new one after it ended. */
  async #start(signal: AbortSignal): Promise<AgentGuest> {
    const starting = (this.#agent ??= this.#begin());
    return abortable(starting, signal);
  }

  #begin(): Promise<AgentGuest> {
    const starting = startAgent(this.#connection, withDeadline(this.#life.signal, startMs));
    const forget = (): void => {
      if (this.#agent === starting) this.#agent = undefined;
    };
    starting.then((agent) => agent.onDidEnd(forget), forget);
    return starting;
  }
}

/** Over a program of its own. */
async function relayed(
  programs: Programs,
  relay: Relay,
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Duplex> {
  const remote = await programs.exec({ argv: relay.argv(host, port), cwd: '/' }, signal);
  const complaint: Buffer[] = [];
  remote.stderr.on('data', (chunk: Buffer) => complaint.push(chunk));
  const onAbort = (): void => remote.dispose();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await readConnected(remote.stdout);
  } catch (error) {
    remote.dispose();
    signal.throwIfAborted();
    throw refused(port, Buffer.concat(complaint).toString().trim().split('\n').at(-1) ?? '', error);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  const duplex = Duplex.from({ readable: remote.stdout, writable: remote.stdin });
  duplex.once('close', () => remote.dispose());
  return duplex;
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

function refused(port: number, why: string, cause: unknown): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.gone',
    what: l10n.t('Port {0} in the container could not be reached.', port),
    why,
    next: l10n.t('Start the program that listens there, and try again.'),
    remedies: [{ do: 'retry' }],
    cause,
  });
}

function unreachable(): SwitchyardError {
  return new SwitchyardError({
    code: 'config.unsupported',
    what: l10n.t('Ports of this container cannot be reached.'),
    why: l10n.t(
      'Its image has none of the programs that could pass a connection on: {0}.',
      [agentProgram, ...relays.map(({ program }) => program)].join(', '),
    ),
    next: l10n.t('Add one of them to the image, or publish the port with "appPort".'),
  });
}
