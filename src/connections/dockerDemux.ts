/** Bytes of the header before each frame. */
const headerLength = 8;

/**
 * Takes apart the stream of an exec without a terminal: frames of a header (1 byte stream, 3 bytes zero,
 * 4 bytes big-endian length) and a payload. Payloads are handed on as views of what came in: no byte is
 * copied, and none is kept.
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
    while (at < chunk.length) {
      if (this.#missing > 0) {
        const end = Math.min(chunk.length, at + this.#missing);
        this.#emit(chunk.subarray(at, end));
        this.#missing -= end - at;
        at = end;
        continue;
      }
      const end = Math.min(chunk.length, at + headerLength - this.#headerBytes);
      this.#headerBytes += chunk.copy(this.#header, this.#headerBytes, at, end);
      at = end;
      if (this.#headerBytes === headerLength) {
        this.#headerBytes = 0;
        this.#missing = this.#header.readUInt32BE(4);
        const stream = this.#header[0] ?? 255;
        if (stream > 2) throw new RangeError(`A frame of the unknown stream ${stream}.`);
      }
    }
  }

  #emit(payload: Buffer): void {
    if (this.#header[0] === 2) this.#onStderr(payload);
    else this.#onStdout(payload);
  }
}
