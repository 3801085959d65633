import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { withDeadline } from '../base/abort.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/log.ts';
import { spend } from '../connections/readMemory.ts';

/** Bound on reaching the port inside, in milliseconds. */
const dialMs = 20_000;

/** From how many bytes on one side waits for the other. */
const heldBytes = 1 << 18;

/** How many of the ports that follow a taken one are tried before any free one is taken. */
const nextPorts = 10;

/** A port of this computer's loopback address behind which a port inside lies. */
export class Forward implements Disposable {
  readonly localPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #end = new AbortController();

  private constructor(server: Server, localPort: number) {
    this.#server = server;
    this.localPort = localPort;
  }

  /**
   * Listens on 127.0.0.1.
   * @param wanted the port to take if it is free, else one near it
   * @param only no other port will do
   * @param dial opens a stream to the port inside
   * @returns undefined where `only` was asked for and the port is taken
   */
  static async listen(
    options: { readonly wanted: number; readonly only: boolean; readonly log: Logger },
    dial: (signal: AbortSignal) => Promise<Duplex>,
  ): Promise<Forward | undefined> {
    for (const port of options.only ? [options.wanted] : candidates(options.wanted)) {
      // Half-open: the end of what one side says is not the end of what it hears.
      const server = createServer({
        allowHalfOpen: true,
        pauseOnConnect: true,
        highWaterMark: heldBytes,
      });
      const taken = await listenOn(server, port);
      if (taken === undefined) continue;
      const forward = new Forward(server, taken);
      server.on('error', (error) => options.log.warn(`Port ${taken}: ${error.message}`));
      server.on('connection', (socket) => void forward.#pass(socket, dial, options.log));
      return forward;
    }
    return undefined;
  }

  dispose(): void {
    this.#end.abort(new DOMException('The port is no longer forwarded.', 'AbortError'));
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #pass(socket: Socket, dial: (signal: AbortSignal) => Promise<Duplex>, log: Logger): Promise<void> {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    let inside: Duplex | undefined;
    // Either side's end in disorder is the other's.
    const cut = (): void => {
      socket.destroy();
      inside?.destroy();
    };
    socket.on('error', cut);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      inside?.destroy();
    });
    try {
      inside = await dial(withDeadline(this.#end.signal, dialMs));
    } catch (error) {
      log.debug(`Port ${this.localPort}: ${String(error)}`);
      // As if nobody listened, which is what it says of the inside.
      socket.resetAndDestroy();
      return;
    }
    inside.on('error', cut);
    inside.once('close', () => socket.destroySoon());
    if (socket.destroyed) cut();
    else {
      socket.pipe(inside);
      pass(inside, socket);
    }
  }
}

/** As `pipe` does, and what is written is spent: much passes here, and nobody else reads it. */
function pass(from: Duplex, to: Socket): void {
  from.on('data', (chunk: Buffer) => {
    const onWritten = (error?: Error | null): void => {
      if (!error) spend(chunk);
    };
    if (!to.write(chunk, onWritten)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.once('end', () => to.end());
}

/** The port itself; 8080 for 80, as people do who may not take it; those after it; any. */
function candidates(wanted: number): readonly number[] {
  const next = Array.from({ length: nextPorts }, (_, index) => wanted + index + 1);
  const instead = wanted < 1024 ? [wanted + 8000] : next.filter((port) => port < 65_536);
  return [wanted, ...instead, 0];
}

/** @returns the port that was taken; undefined where this one is taken or not for us */
async function listenOn(server: Server, port: number): Promise<number | undefined> {
  server.listen({ host: '127.0.0.1', port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES') return undefined;
    throw error;
  }
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : undefined;
}
