import { Duplex } from 'node:stream';
import type { HostCalls, HostNews, SyncCalls, SyncOrders } from './messages.ts';
import type { Peer } from './peer.ts';

/** The sync's own end of what it and the extension host say to each other. */
export type ToHost = Peer<SyncCalls, SyncOrders, HostCalls, HostNews>;

/** How many bytes of a stream may be on their way or unread before its source is held up. */
export const windowBytes = 1024 * 1024;
/** Taken bytes are told of when they are this many. */
const toldBytes = windowBytes / 4;

/** A stream that the extension host holds, or one direction of it, in the sync's own process. */
export class LentStream extends Duplex {
  readonly #id: number;
  readonly #host: ToHost;
  readonly #isRead: boolean;
  /** Came, and were not told as taken yet. */
  #untold = 0;
  readonly #onOver: () => void;

  /** @param onOver called once, when nothing more comes of it */
  constructor(id: number, host: ToHost, ways: { readable: boolean; writable: boolean }, onOver: () => void) {
    super({ ...ways, allowHalfOpen: false });
    this.#id = id;
    this.#host = host;
    this.#isRead = ways.readable;
    this.#onOver = onOver;
  }

  /** Bytes that came. */
  give(data: Uint8Array): void {
    if (this.destroyed) return;
    this.#untold += data.length;
    this.push(Buffer.from(data.buffer, data.byteOffset, data.length));
  }

  /** Nothing more comes, and nothing more is taken. */
  over(error: string | undefined): void {
    this.#onOver();
    if (error !== undefined) this.destroy(new Error(error));
    else if (this.#isRead) this.push(null);
    else this.destroy();
  }

  override _read(): void {
    if (this.#untold < toldBytes) return;
    this.#host.tell('streamTaken', { stream: this.#id, bytes: this.#untold });
    this.#untold = 0;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#write([chunk], done);
  }

  override _writev(
    chunks: readonly { chunk: Buffer; encoding: BufferEncoding }[],
    done: (error?: Error) => void,
  ): void {
    this.#write(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: (error?: Error) => void): void {
    this.#host.tell('streamClose', { stream: this.#id });
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#onOver();
    this.#host.tell('streamClose', { stream: this.#id });
    done(error);
  }

  #write(chunks: readonly Buffer[], done: (error?: Error) => void): void {
    this.#host.ask('streamWrite', { stream: this.#id, chunks }).then(() => done(), done);
  }
}
