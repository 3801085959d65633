import type { Connection, ServerChannel } from 'ssh2';
import type { Disposable } from '../../base/disposable.ts';
import type { Accepted, Guest, GuestChannel, GuestListener } from '../../connections/guest/guest.ts';
import { openAuthAgent } from './authAgent.ts';
import { Bridge } from './bridge.ts';

type Accept = () => ServerChannel;
type Reply = ((port?: number) => void) | undefined;
/** What a request for a forward names; which of them depends on its kind. */
interface ForwardInfo {
  readonly bindAddr: string;
  readonly bindPort: number;
  readonly socketPath: string;
}
type OpenBack = (done: (error: Error | undefined, channel: ServerChannel) => void) => void;

/** The ports and sockets of one connection: what the client reaches inside, and what inside reaches the client. */
export class Forwards implements Disposable {
  readonly #client: Connection;
  readonly #guest: Promise<Guest>;
  readonly #listeners = new Map<string, GuestListener>();
  #agent: Promise<string | undefined> | undefined;

  constructor(client: Connection, guest: Promise<Guest>) {
    this.#client = client;
    this.#guest = guest;
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      this.#connect(accept, reject, (guest, bridge) => guest.connectTcp(destIP, destPort, bridge));
    });
    client.on('openssh.streamlocal', (accept, reject, { socketPath }) => {
      this.#connect(accept, reject, (guest, bridge) => guest.connectUnix(socketPath, bridge));
    });
    client.on('request', (accept: Reply, reject: Reply, name: string, info: unknown) => {
      this.#onRequest(name, info as ForwardInfo).then(
        (port) => accept?.(port),
        () => reject?.(),
      );
    });
  }

  /** The path of a socket inside behind which the client's agent is; one for the whole connection. */
  forwardAgent(): Promise<string | undefined> {
    this.#agent ??= this.#listenForAgent().catch(() => undefined);
    return this.#agent;
  }

  dispose(): void {
    for (const listener of this.#listeners.values()) listener.dispose();
    this.#listeners.clear();
  }

  /** The channel is opened only once the other end is: a client tells the two apart. */
  #connect(
    accept: Accept,
    reject: () => void,
    connect: (guest: Guest, bridge: Bridge) => Promise<GuestChannel>,
  ): void {
    const bridge = new Bridge('socket');
    this.#guest
      .then((guest) => connect(guest, bridge))
      .then(
        (channel) => {
          bridge.attach(accept());
          bridge.connect(channel);
        },
        () => reject(),
      );
  }

  /** The port chosen, for a forward of any port. */
  async #onRequest(name: string, info: ForwardInfo): Promise<number | undefined> {
    const guest = await this.#guest;
    switch (name) {
      case 'tcpip-forward': {
        const { bindAddr, bindPort } = info;
        const listener = await guest.listenTcp(bindPort, (accepted) => {
          this.#back(accepted, (done) => {
            this.#client.forwardOut(bindAddr, Number(listener.where), accepted.host, accepted.port, done);
          });
        });
        this.#listeners.set(`${bindAddr}:${listener.where}`, listener);
        return Number(listener.where);
      }
      case 'streamlocal-forward@openssh.com': {
        const { socketPath } = info;
        const listener = await guest.listenUnix(socketPath, (accepted) => {
          this.#back(accepted, (done) => this.#client.openssh_forwardOutStreamLocal(socketPath, done));
        });
        this.#listeners.set(socketPath, listener);
        return undefined;
      }
      case 'cancel-tcpip-forward':
        this.#cancel(`${info.bindAddr}:${info.bindPort}`);
        return undefined;
      case 'cancel-streamlocal-forward@openssh.com':
        this.#cancel(info.socketPath);
        return undefined;
      default:
        throw new Error(`Not a forward: ${name}`);
    }
  }

  #cancel(key: string): void {
    const listener = this.#listeners.get(key);
    if (!listener) throw new Error('Nothing is forwarded there.');
    this.#listeners.delete(key);
    listener.dispose();
  }

  async #listenForAgent(): Promise<string> {
    const guest = await this.#guest;
    const listener = await guest.listenUnix(undefined, (accepted) => {
      this.#back(accepted, (done) => openAuthAgent(this.#client, done));
    });
    this.#listeners.set(listener.where, listener);
    return listener.where;
  }

  /** Somebody inside connected to what the client wants to hear of. */
  #back(accepted: Accepted, open: OpenBack): void {
    const bridge = new Bridge('socket');
    const channel = accepted.serve(bridge);
    open((error, ssh) => {
      if (!error) bridge.attach(ssh);
      bridge.connect(channel);
    });
  }
}
