/** Of memory that was lent, the bytes that somebody may still read. */
const unspent = new WeakMap<ArrayBufferLike, number>();

/**
 * Memory that a socket was read into is given back by the garbage collection. With a stream of some hundred MB/s that
 * is about half of this process's work: it begins anew, over the whole heap, for every few dozen MB that were read. So
 * who reads a stream lends its chunks, and who is done with bytes of them says so; with the last one the memory is given
 * back at once. What nobody spends is left to the collection, as ever.
 * @param chunk that nobody else holds
 */
export function lend(chunk: Buffer): Buffer {
  // A part of something larger is not this chunk's to give back.
  if (chunk.length === chunk.buffer.byteLength) unspent.set(chunk.buffer, chunk.length);
  return chunk;
}

/**
 * Nobody reads these bytes any more, here or anywhere; to be said once of each byte. What was not lent is left alone.
 */
export function spend(bytes: Buffer): void {
  spendSome(bytes, bytes.length);
}

/** The same of so many bytes of what these are a part of. */
export function spendSome({ buffer }: Buffer, count: number): void {
  const before = unspent.get(buffer);
  if (before === undefined) return;
  if (before > count) {
    unspent.set(buffer, before - count);
    return;
  }
  unspent.delete(buffer);
  // Versions of Node.js before 22, on which the proxy may run, leave it to the collection.
  if ('transfer' in buffer) buffer.transfer(0);
}

/** One chunk, lent, of several, which are spent; the same where it is one alone. */
export function gather(chunks: readonly Buffer[]): Buffer {
  const [first, second] = chunks;
  if (first && !second) return first;
  const whole = lend(Buffer.allocUnsafeSlow(chunks.reduce((sum, { length }) => sum + length, 0)));
  let at = 0;
  for (const chunk of chunks) {
    at += chunk.copy(whole, at);
    spend(chunk);
  }
  return whole;
}
