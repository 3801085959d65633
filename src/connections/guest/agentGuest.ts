import type { Writable } from 'node:stream';
import { Emitter } from '../../base/event.ts';
import { AgentChannel, endOf } from './agentChannel.ts';
import { fields, frame, FrameReader, head, unfields } from './frames.ts';
import type { Accepted, ChannelEvents, Guest, GuestChannel, GuestListener, ProgramRequest } from './guest.ts';

/** Who the agent says it is. */
export interface Hello {
  readonly user: string;
  readonly uid: number;
  readonly home: string;
  readonly shell: string;
}

interface Opening {
  readonly resolve: (where: string) => void;
  readonly reject: (error: Error) => void;
}

/** The environment through the agent that runs in it. */
export class AgentGuest implements Guest {
  readonly onDidEnd;
  /** What the agent said of itself; rejects where it never came to that. */
  readonly hello: Promise<Hello>;
  readonly #stream: { readonly stdin: Writable; destroy(): void };
  readonly #ended = new Emitter<string>();
  readonly #channels = new Map<number, AgentChannel>();
  readonly #opening = new Map<number, Opening>();
  readonly #listeners = new Map<number, (accepted: Accepted) => void>();
  readonly #greeting = Promise.withResolvers<Hello>();
  readonly #reader = new FrameReader((type, channel, payload) => this.#onFrame(type, channel, payload));
  #last = 0;
  #isOver = false;

  /**
   * @param stdin the agent's standard input; its output is to be given to `receive`, and its end to `end`
   * @param destroy ends the agent
   */
  constructor(stdin: Writable, destroy: () => void) {
    this.onDidEnd = this.#ended.event;
    this.hello = this.#greeting.promise;
    this.hello.catch(() => undefined);
    this.#stream = { stdin, destroy };
  }

  /** Takes what the agent prints. @throws RangeError where that is no frames */
  receive(chunk: Buffer): void {
    this.#reader.write(chunk);
  }

  /** The agent, or the way to it, is gone. */
  end(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const reason = error.message;
    this.#greeting.reject(error);
    for (const opening of this.#opening.values()) opening.reject(error);
    this.#opening.clear();
    this.#ended.fire(reason);
    for (const channel of [...this.#channels.values()]) channel.onClosed(reason);
    this.#channels.clear();
    this.#listeners.clear();
  }

  async run(request: ProgramRequest, events: ChannelEvents): Promise<GuestChannel> {
    const { program, terminal, env } = request;
    const size = terminal
      ? [terminal.columns, terminal.rows, terminal.width, terminal.height]
      : ['', '', '', ''];
    const command = program.kind === 'command' ? program.command : '';
    return this.#open(
      frame.exec,
      fields(program.kind, command, ...size, ...Object.entries(env).flat()),
      events,
    );
  }

  async connectTcp(host: string, port: number, events: ChannelEvents): Promise<GuestChannel> {
    return this.#open(frame.tcp, fields(host, port), events);
  }

  async connectUnix(path: string, events: ChannelEvents): Promise<GuestChannel> {
    return this.#open(frame.unix, fields(path), events);
  }

  async listenTcp(port: number, onConnection: (accepted: Accepted) => void): Promise<GuestListener> {
    return this.#listen(frame.listenTcp, fields(port), onConnection);
  }

  async listenUnix(
    path: string | undefined,
    onConnection: (accepted: Accepted) => void,
  ): Promise<GuestListener> {
    return this.#listen(frame.listenUnix, fields(path ?? ''), onConnection);
  }

  dispose(): void {
    this.end(new Error('The connection was closed.'));
    this.#stream.destroy();
  }

  send(type: number, channel: number, payload?: Buffer): void {
    if (this.#isOver) return;
    const { stdin } = this.#stream;
    if (!payload || payload.length === 0) {
      stdin.write(head(type, channel, 0));
      return;
    }
    stdin.cork();
    stdin.write(head(type, channel, payload.length));
    stdin.write(payload);
    stdin.uncork();
  }

  forget(id: number): void {
    this.#channels.delete(id);
  }

  async #open(type: number, payload: Buffer, events: ChannelEvents): Promise<GuestChannel> {
    const id = ++this.#last;
    const channel = new AgentChannel(this, id, events);
    this.#channels.set(id, channel);
    try {
      await this.#ask(type, id, payload);
      return channel;
    } catch (error) {
      this.#channels.delete(id);
      throw error;
    }
  }

  async #listen(
    type: number,
    payload: Buffer,
    onConnection: (accepted: Accepted) => void,
  ): Promise<GuestListener> {
    const id = ++this.#last;
    this.#listeners.set(id, onConnection);
    try {
      const where = await this.#ask(type, id, payload);
      return {
        where,
        dispose: () => {
          this.#listeners.delete(id);
          this.send(frame.close, id);
        },
      };
    } catch (error) {
      this.#listeners.delete(id);
      throw error;
    }
  }

  async #ask(type: number, id: number, payload: Buffer): Promise<string> {
    if (this.#isOver) throw new Error('The connection was closed.');
    return new Promise((resolve, reject) => {
      this.#opening.set(id, { resolve, reject });
      this.send(type, id, payload);
    });
  }

  #onFrame(type: number, id: number, payload: Buffer): void {
    if (this.#isOver) return;
    const channel = this.#channels.get(id);
    switch (type) {
      case frame.hello: {
        const [user = '', uid = '', home = '/', shell = '/bin/sh'] = unfields(payload);
        this.#greeting.resolve({ user, uid: Number(uid), home, shell });
        return;
      }
      case frame.opened:
        this.#take(id)?.resolve(payload.toString());
        return;
      case frame.failed:
        this.#take(id)?.reject(new Error(payload.toString()));
        return;
      case frame.accepted: {
        const [newId = '', host = '', port = ''] = unfields(payload);
        this.#accept(id, Number(newId), host, Number(port));
        return;
      }
      case frame.stdout:
      case frame.stderr:
        channel?.onOutput(payload, type === frame.stderr);
        return;
      case frame.ended:
        channel?.onEnded();
        return;
      case frame.exited:
        channel?.onExited(endOf(payload));
        return;
      case frame.grant:
        channel?.onGrant(payload.readUInt32BE(0));
        return;
      case frame.closed:
        channel?.onClosed(undefined);
        return;
      default:
        throw new RangeError(`A frame of the unknown type ${type}.`);
    }
  }

  #take(id: number): Opening | undefined {
    const opening = this.#opening.get(id);
    this.#opening.delete(id);
    return opening;
  }

  #accept(listener: number, id: number, host: string, port: number): void {
    const onConnection = this.#listeners.get(listener);
    if (!onConnection) {
      this.send(frame.close, id);
      return;
    }
    onConnection({
      host,
      port,
      serve: (events) => {
        const channel = new AgentChannel(this, id, events);
        this.#channels.set(id, channel);
        return channel;
      },
    });
  }
}
