import { spendSome } from './readMemory.ts';

/** Bytes of the header before each frame. */
const headerLength = 8;

/**
 * Takes apart the stream of an exec without a terminal: frames of a header (1 byte stream, 3 bytes zero,
 * 4 bytes big-endian length) and a payload. Payloads are handed on as views of what came in, and those of frames
 * that follow each other as one: containerd's shim makes them of 4 KiB, and each piece has a price for whoever comes
 * after. For that the bytes are moved together in their chunk, which belongs to this from `write` on.
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach ("Stream format")
 */
export class DockerDemux {
  readonly #onStdout: (payload: Buffer) => void;
  readonly #onStderr: (payload: Buffer) => void;
  readonly #header = Buffer.alloc(headerLength);
  #headerBytes = 0;
  /** Bytes of the current frame that have not come yet. */
  #missing = 0;

  constructor(onStdout: (payload: Buffer) => void, onStderr: (payload: Buffer) => void) {
    this.#onStdout = onStdout;
    this.#onStderr = onStderr;
  }

  /** @throws RangeError where the bytes are no frames */
  write(chunk: Buffer): void {
    let at = 0;
    // What is together of one stream, and not handed on yet.
    let from = 0;
    let to = 0;
    let isError = this.#isError;
    const handOn = (): void => {
      if (to > from) (isError ? this.#onStderr : this.#onStdout)(chunk.subarray(from, to));
      from = to;
    };
    while (at < chunk.length) {
      if (this.#missing > 0) {
        if (this.#isError !== isError || from === to) {
          handOn();
          isError = this.#isError;
          from = to = at;
        }
        const end = Math.min(chunk.length, at + this.#missing);
        if (to < at) chunk.copyWithin(to, at, end);
        to += end - at;
        this.#missing -= end - at;
        at = end;
        continue;
      }
      const end = Math.min(chunk.length, at + headerLength - this.#headerBytes);
      this.#headerBytes += chunk.copy(this.#header, this.#headerBytes, at, end);
      if (this.#headerBytes === headerLength) {
        this.#headerBytes = 0;
        this.#missing = this.#header.readUInt32BE(4);
        const stream = this.#header[0] ?? 255;
        if (stream > 2) {
          handOn();
          throw new RangeError(`A frame of the unknown stream ${stream}.`);
        }
      }
      spendSome(chunk, end - at);
      at = end;
    }
    handOn();
  }

  get #isError(): boolean {
    return this.#header[0] === 2;
  }
}
