import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';

/**
 * Standard input and output as the one socket that ssh2 wants. What is written within one turn of the event
 * loop leaves together: ssh2 hands over every SSH packet in three pieces.
 */
export class StdioSocket extends EventEmitter {
  readonly remoteAddress = undefined;
  /** By this ssh2 knows whether it may still write (its utils.js, isWritable). */
  readonly _readableState = { ended: false };
  readonly #in: Socket;
  readonly #out: Socket;
  #isCorked = false;

  /** Takes the two descriptors; process.stdout would write to a pipe synchronously. */
  constructor(input = 0, output = 1) {
    super();
    this.#in = new Socket({ fd: input, readable: true, writable: false });
    this.#out = new Socket({ fd: output, readable: false, writable: true });
    this.#in.on('data', (chunk: Buffer) => this.emit('data', chunk));
    this.#in.once('end', () => {
      this._readableState.ended = true;
      this.emit('end');
    });
    this.#in.once('close', () => this.destroy());
    for (const socket of [this.#in, this.#out]) socket.on('error', (error) => this.emit('error', error));
    this.#out.once('close', () => {
      this.#in.destroy();
      this.emit('close');
    });
  }

  get writable(): boolean {
    return this.#out.writable;
  }

  write(chunk: Buffer): boolean {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#out.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#out.uncork();
      });
    }
    return this.#out.write(chunk);
  }

  end(): this {
    this.#out.end();
    return this;
  }

  destroy(): this {
    this.#in.destroy();
    this.#out.destroy();
    return this;
  }

  pause(): this {
    this.#in.pause();
    return this;
  }

  resume(): this {
    this.#in.resume();
    return this;
  }

  // A pipe has none of these.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
}
