import { Duplex } from 'node:stream';
import type { ChannelEvents, GuestChannel } from './guest.ts';

/** From how many bytes on either direction waits for its reader; the agent keeps more under way than that. */
const heldBytes = 1 << 18;

/** A socket in the guest as a stream. The end of each direction is passed on by itself. */
export class ChannelStream extends Duplex implements ChannelEvents {
  #channel: GuestChannel | undefined;
  /** Bytes that came and that the agent was not yet told of as read. */
  #held = 0;
  #hasEnded = false;
  #isOver = false;
  #onRoom: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: heldBytes });
  }

  /** Must be called once, before anything is written. */
  attach(channel: GuestChannel): this {
    this.#channel = channel;
    if (this.destroyed) channel.close();
    else this._read();
    return this;
  }

  override _read(): void {
    if (!this.#channel || this.#held === 0) return;
    const held = this.#held;
    this.#held = 0;
    this.#channel.consumed(held);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#isOver || this.#channel?.send(chunk) !== false) done();
    else this.#onRoom = done;
  }

  override _final(done: () => void): void {
    this.#channel?.finish();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // Where both directions have ended in order, what was written last may still be on its way to the other end.
    if (!this.#hasEnded || !this.writableFinished) this.#channel?.close();
    done(error);
  }

  onOutput(chunk: Buffer): void {
    this.#held += chunk.length;
    if (this.push(chunk)) this._read();
  }

  onEnded(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.push(null);
  }

  onRoom(): void {
    const go = this.#onRoom;
    this.#onRoom = undefined;
    go?.();
  }

  /** What came before an end in order is still read; what is written from now on reaches nobody. */
  onClosed(reason: string | undefined): void {
    this.#isOver = true;
    if (reason !== undefined) {
      this.destroy(new Error(reason));
      return;
    }
    this.onEnded();
    this.onRoom();
    if (this.readableEnded) this.destroy();
    else this.once('end', () => this.destroy());
  }
}
