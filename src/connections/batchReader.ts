import type { Duplex } from 'node:stream';
import { lend } from './readMemory.ts';

/** A chunk of this many bytes needs no company. */
const largeBytes = 1 << 15;
/** So many bytes in small chunks within this time, in milliseconds, are a stream, and no answers to questions. */
const muchBytes = 1 << 17;
const withinMs = 8;
/** How long what comes meanwhile is left to gather, in milliseconds; no timer is finer. */
const gatherMs = 1;
/** It is a stream still where so many bytes came soon after that, within this time in milliseconds. */
const worthBytes = 1 << 15;
const soonMs = 2;

/**
 * Reads a stream of the engine so that much data comes in large chunks. Between it and a program stands containerd's
 * shim, which passes on 4 KiB at a time; each of them would wake this process, and everything behind it. So once
 * small chunks follow each other quickly, what comes is left with the system for a moment. Answers to a client that
 * waits for each are read at once.
 * @see https://github.com/containerd/containerd/blob/v1.6.20/pkg/process/io.go ("bufPool")
 */
export class BatchReader {
  readonly #stream: Duplex;
  readonly #onData: (chunk: Buffer) => void;
  #since = 0;
  #bytes = 0;
  #isStream = false;
  #gathering: NodeJS.Timeout | undefined;
  #isFull = false;

  /** @param onData takes over the bytes, which were lent; it may throw, which ends the stream with this error */
  constructor(stream: Duplex, onData: (chunk: Buffer) => void) {
    this.#stream = stream;
    this.#onData = onData;
    stopReadingAtOnce(stream);
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.once('close', () => clearTimeout(this.#gathering));
  }

  /** There is no room for more; what is under way may still come. */
  pause(): void {
    this.#isFull = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#isFull = false;
    if (!this.#gathering) this.#stream.resume();
  }

  #take(chunk: Buffer): void {
    const { length } = chunk;
    lend(chunk);
    try {
      this.#onData(chunk);
    } catch (error) {
      this.#stream.destroy(error as Error);
      return;
    }
    this.#bytes += length;
    if (length >= largeBytes || this.#gathering) return;
    const now = performance.now();
    const isLate = now - this.#since > (this.#isStream ? soonMs : withinMs);
    if (this.#bytes >= (this.#isStream ? worthBytes : muchBytes) && (this.#isStream || !isLate)) {
      this.#isStream = true;
      this.#stream.pause();
      this.#gathering = setTimeout(() => this.#goOn(), gatherMs);
    } else if (isLate) {
      this.#isStream = false;
      this.#since = now;
      this.#bytes = length;
    }
  }

  #goOn(): void {
    this.#gathering = undefined;
    this.#since = performance.now();
    this.#bytes = 0;
    if (!this.#isFull) this.#stream.resume();
  }
}

/**
 * A socket that is paused reads on until its buffer is full, in chunks as small as they come. Of one that another
 * library opened Node.js has no public way to say how large that is; without it there is only less to gain.
 */
function stopReadingAtOnce(stream: Duplex): void {
  const { _readableState: state } = stream as { _readableState?: { highWaterMark?: number } };
  if (state?.highWaterMark !== undefined) state.highWaterMark = 1;
}
