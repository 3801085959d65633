import type { Socket } from 'node:net';
import ssh2, { type Connection } from 'ssh2';
import type { Guest } from '../../connections/guest/guest.ts';
import { proxyCiphers } from '../config/entry.ts';
import { Forwards } from './forwards.ts';
import { keepKeys } from '../../connections/keyObjects.ts';
import { serveSession } from './session.ts';
import type { StdioSocket } from './stdio.ts';

export interface ServerParts {
  /** Who the client is where it says nothing else. */
  readonly user: string;
  /** In OpenSSH's format. */
  readonly hostKey: Buffer;
  /** The environment as this user sees it. Called at most once a connection. */
  guestFor(user: string): Promise<Guest>;
  /** The client went away, or the connection failed. */
  onEnd(error: Error | undefined): void;
}

/**
 * Serves the one client at the other end of the socket. It is not asked who it is: whoever could start this
 * process may use Docker, and there is no other way to this socket.
 */
export function serveSsh(socket: StdioSocket, parts: ServerParts): void {
  const server = new ssh2.Server({
    hostKeys: [parts.hostKey],
    ident: 'Switchyard',
    // The client chooses, as its configuration says; ChaCha20 would be done in JavaScript.
    algorithms: { cipher: [...proxyCiphers] },
  });
  // A pipe does not break unnoticed, and a client that is stopped for a while is not gone.
  Object.assign(ssh2.Server, { KEEPALIVE_CLIENT_INTERVAL: 0 });
  server.on('connection', (client) => serveClient(client, parts));
  server.injectSocket(socket as unknown as Socket);
}

function serveClient(client: Connection, parts: ServerParts): void {
  const guest = Promise.withResolvers<Guest>();
  guest.promise.catch(() => undefined);
  client.on('authentication', (context) => {
    const opening = parts.guestFor(context.username);
    guest.resolve(opening);
    if (context.username === parts.user) {
      // Goes on while the environment is still being entered.
      context.accept();
      return;
    }
    opening.then(
      () => context.accept(),
      (error: unknown) => {
        context.reject([]);
        parts.onEnd(error as Error);
      },
    );
  });
  client.once('ready', () => {
    const forwards = new Forwards(client, guest.promise);
    client.on('session', (accept) => {
      serveSession(accept(), { guest: guest.promise, forwardAgent: () => forwards.forwardAgent() });
    });
    client.once('close', () => forwards.dispose());
  });
  client.on('handshake', () => keepKeys(client));
  let failure: Error | undefined;
  client.on('error', (error) => (failure ??= error));
  client.once('end', () => parts.onEnd(failure));
  client.once('close', () => parts.onEnd(failure));
}
