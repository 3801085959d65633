/** As much as one read of a socket brings, in bytes. */
const bufferBytes = 1 << 16;
/** So many are kept for the next time. */
const spareCount = 4;

/**
 * Makes one chunk of several. The buffers for it are used again and again: to make and throw away as many bytes as
 * pass through keeps the garbage collection busier than the copying keeps this process.
 */
export class GatherBuffers {
  readonly #spare: Buffer[] = [];
  readonly #lent = new Map<ArrayBufferLike, Buffer>();

  /** The chunks as one; the same where it is one alone. */
  gather(chunks: readonly Buffer[]): Buffer {
    const [first, second] = chunks;
    if (first && !second) return first;
    const size = chunks.reduce((sum, { length }) => sum + length, 0);
    if (size > bufferBytes) return Buffer.concat(chunks, size);
    const whole = this.#spare.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
    let at = 0;
    for (const chunk of chunks) at += chunk.copy(whole, at);
    this.#lent.set(whole.buffer, whole);
    return whole.subarray(0, size);
  }

  /** Nobody reads this chunk any more, which `gather` may have given or not. */
  free(chunk: Buffer): void {
    const whole = this.#lent.get(chunk.buffer);
    if (!whole) return;
    this.#lent.delete(chunk.buffer);
    if (this.#spare.length < spareCount) this.#spare.push(whole);
  }
}
