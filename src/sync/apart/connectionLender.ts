import type { Readable, Writable, Duplex } from 'node:stream';
import type { Disposable } from '../../base/disposable.ts';
import type { RemoteProcess } from '../../connections/connection.ts';
import { spend } from '../../connections/readMemory.ts';
import type { SyncConnection } from '../carrier.ts';
import { windowBytes } from './lentStream.ts';
import type { HostCalls, HostNews, LentConnection, LentProgram, SyncCalls, SyncOrders } from './messages.ts';
import type { Peer } from './peer.ts';

/** The extension host's own end of what it and a sync's process say to each other. */
export type ToSync = Peer<HostCalls, HostNews, SyncCalls, SyncOrders>;

/** One direction or both of a stream that is lent. */
interface Lent {
  readonly from: Readable | undefined;
  readonly to: Writable | undefined;
  /** Told to the other process and not taken in there yet, in bytes. */
  under: number;
}

/** Lends the extension host's connections to a sync's process, and takes all back when that is gone. */
export class ConnectionLender implements Disposable {
  readonly #sync: ToSync;
  readonly #ids = new Map<SyncConnection, number>();
  readonly #connections = new Map<number, SyncConnection>();
  readonly #programs = new Map<number, RemoteProcess>();
  readonly #streams = new Map<number, Lent>();
  readonly #sockets = new Set<Duplex>();
  readonly #listening: Disposable[] = [];
  #next = 1;

  constructor(sync: ToSync) {
    this.#sync = sync;
    sync.answer('exec', ({ connection, argv, cwd }, signal) =>
      this.#exec(connection, { argv, ...(cwd === undefined ? {} : { cwd }) }, signal),
    );
    sync.answer('connectUnix', ({ connection, path }, signal) => this.#unix(connection, path, signal));
    sync.answer('streamWrite', ({ stream, chunks }) => this.#write(stream, chunks));
    sync.hear('streamTaken', ({ stream, bytes }) => this.#taken(stream, bytes));
    sync.hear('streamClose', ({ stream }) => this.#close(stream));
    sync.hear('programEnd', ({ program }) => this.#programs.get(program)?.dispose());
  }

  /** How the other process names this connection from now on. */
  lend(connection: SyncConnection): LentConnection {
    let id = this.#ids.get(connection);
    if (id === undefined) {
      id = this.#next++;
      this.#ids.set(connection, id);
      this.#connections.set(id, connection);
      const closed = { id };
      this.#listening.push(
        connection.onDidClose(() => {
          this.#ids.delete(connection);
          this.#connections.delete(closed.id);
          this.#sync.tell('connectionClosed', closed);
        }),
      );
    }
    return {
      id,
      description: connection.description,
      user: connection.user,
      hasUnix: connection.connectUnix !== undefined,
      bulk: connection.bulkTarget,
    };
  }

  dispose(): void {
    for (const listening of this.#listening) listening.dispose();
    for (const program of this.#programs.values()) program.dispose();
    for (const socket of this.#sockets) socket.destroy();
    this.#streams.clear();
  }

  async #exec(
    connection: number,
    request: { readonly argv: readonly string[]; readonly cwd?: string },
    signal: AbortSignal,
  ): Promise<LentProgram> {
    const program = await this.#need(connection).exec(request, signal);
    const stdin = this.#stream(undefined, program.stdin);
    const lent = {
      stdin,
      stdout: this.#stream(program.stdout, undefined),
      stderr: this.#stream(program.stderr, undefined),
    };
    this.#programs.set(stdin, program);
    void program.exit.then((status) => {
      this.#programs.delete(stdin);
      for (const id of Object.values(lent)) this.#over(id);
      this.#sync.tell('programExit', { program: stdin, status });
    });
    return lent;
  }

  async #unix(connection: number, path: string, signal: AbortSignal): Promise<number> {
    const { connectUnix } = this.#need(connection);
    if (!connectUnix) throw new Error('This connection opens no sockets.');
    const socket = await connectUnix.call(this.#need(connection), path, signal);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return this.#stream(socket, socket);
  }

  #need(id: number): SyncConnection {
    const connection = this.#connections.get(id);
    if (!connection) throw new Error('The connection is closed.');
    return connection;
  }

  #stream(from: Readable | undefined, to: Writable | undefined): number {
    const id = this.#next++;
    const lent: Lent = { from, to, under: 0 };
    this.#streams.set(id, lent);
    from?.on('data', (chunk: Buffer) => {
      this.#sync.tell('streamData', { stream: id, data: chunk });
      lent.under += chunk.length;
      // It was copied on its way.
      spend(chunk);
      if (lent.under > windowBytes) from.pause();
    });
    from?.once('end', () => this.#over(id));
    for (const stream of new Set([from, to])) {
      stream?.once('error', (error: Error) => this.#over(id, error.message));
      stream?.once('close', () => this.#over(id));
    }
    return id;
  }

  /** Of what one can write into and read from, the other direction may go on. */
  #over(id: number, error?: string): void {
    const lent = this.#streams.get(id);
    if (!lent) return;
    if (error !== undefined || !lent.to || lent.to.destroyed) this.#streams.delete(id);
    this.#sync.tell('streamEnd', { stream: id, error });
  }

  #taken(id: number, bytes: number): void {
    const lent = this.#streams.get(id);
    if (!lent) return;
    lent.under -= bytes;
    if (lent.under <= windowBytes) lent.from?.resume();
  }

  async #write(id: number, chunks: readonly Uint8Array[]): Promise<void> {
    const to = this.#streams.get(id)?.to;
    if (!to) throw new Error('The stream is over.');
    await new Promise<void>((resolve, reject) => {
      const onClose = (): void => reject(new Error('The stream is over.'));
      to.once('close', onClose);
      to.write(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks), (error) => {
        to.off('close', onClose);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  #close(id: number): void {
    const lent = this.#streams.get(id);
    if (!lent?.to) return;
    // Of a socket nothing more is wanted either.
    if (lent.from) lent.to.destroy();
    else lent.to.end();
  }
}
