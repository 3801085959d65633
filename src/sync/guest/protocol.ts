/**
 * The frames between the host and its agent in the guest. Numbers are big-endian.
 *
 * Request: `u32 size, u32 id, u8 request`, then fields; answer: `u32 size, u32 id, u8 kind`, then fields.
 * `size` counts what follows it. A field is `u32 length` and that many bytes. An answer is any number
 * of parts and then one end or fault of the same id. News (id 0) come by themselves, once `watch` was asked:
 * the paths where something may have changed; none for anywhere. Before its first answer the agent prints the
 * greeting line, so that whatever a shell's start-up files print is passed over.
 */
export const protocolVersion = 1;

export const requests = {
  hello: 1,
  scan: 2,
  stat: 3,
  hash: 4,
  read: 5,
  readPiece: 6,
  staged: 7,
  stage: 8,
  apply: 9,
  settle: 10,
  scanStage: 12,
  adoptStage: 13,
  ping: 14,
  watch: 15,
  dropStage: 16,
} as const;

export type RequestName = keyof typeof requests;

export const answers = { part: 0, end: 1, fault: 2, news: 3 } as const;

/** News answer nothing that was asked. */
export const newsId = 0;

/** No frame may be larger; more is garbage, or an attack on the memory. */
export const maxFrameBytes = 16 * 1024 * 1024;

/** What a shell's start-up files may print before the agent speaks. */
export const maxNoiseBytes = 64 * 1024;

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export interface Answer {
  readonly id: number;
  readonly kind: number;
  readonly fields: readonly Buffer[];
}

export type Field = string | Uint8Array;

/** A request as one buffer. Strings are written as bytes (latin1). */
export function encodeRequest(id: number, request: RequestName, fields: readonly Field[]): Buffer {
  let size = 9;
  for (const field of fields) size += 4 + field.length;
  if (size - 4 > maxFrameBytes) throw new ProtocolError(`A request of ${size} bytes is too large.`);
  const frame = Buffer.allocUnsafe(size);
  frame.writeUInt32BE(size - 4, 0);
  frame.writeUInt32BE(id, 4);
  frame.writeUInt8(requests[request], 8);
  let at = 9;
  for (const field of fields) {
    frame.writeUInt32BE(field.length, at);
    at += 4;
    if (typeof field === 'string') frame.write(field, at, 'latin1');
    else frame.set(field, at);
    at += field.length;
  }
  return frame;
}

/** Takes the bytes of a stream as they come, and gives each answer as soon as it is whole. */
export class AnswerDecoder {
  readonly #greeting: Buffer;
  #chunks: Buffer[] = [];
  #length = 0;
  #greeted = false;
  #noise = 0;

  constructor(greeting: string) {
    this.#greeting = Buffer.from(`${greeting}\n`);
  }

  get isGreeted(): boolean {
    return this.#greeted;
  }

  /** How many bytes came before the greeting. */
  get noiseBytes(): number {
    return this.#noise;
  }

  /** @throws ProtocolError on anything that is no answer; the decoder is of no use afterwards */
  push(chunk: Buffer): Answer[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (!this.#greeted && !this.#passNoise()) return [];
    const found: Answer[] = [];
    for (let size = this.#frameSize(); size !== undefined; size = this.#frameSize()) {
      if (this.#length < 4 + size) break;
      found.push(decode(this.#take(4 + size)));
    }
    return found;
  }

  #frameSize(): number | undefined {
    if (this.#length < 4) return undefined;
    if ((this.#chunks[0]?.length ?? 0) < 4) this.#chunks = [Buffer.concat(this.#chunks)];
    const size = this.#chunks[0]?.readUInt32BE(0) ?? 0;
    if (size < 5 || size > maxFrameBytes) throw new ProtocolError(`A frame of ${size} bytes.`);
    return size;
  }

  #take(count: number): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    if (!all) throw new ProtocolError('Nothing to take.');
    const rest = all.subarray(count);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    return all.subarray(0, count);
  }

  #passNoise(): boolean {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    const at = all.indexOf(this.#greeting);
    if (at < 0) {
      if (all.length > maxNoiseBytes) throw new ProtocolError('No greeting from the agent.');
      return false;
    }
    this.#greeted = true;
    this.#noise = at;
    this.#take(at + this.#greeting.length);
    return true;
  }
}

function decode(frame: Buffer): Answer {
  const fields: Buffer[] = [];
  for (let at = 9; at < frame.length;) {
    if (at + 4 > frame.length) throw new ProtocolError('A field is cut off.');
    const length = frame.readUInt32BE(at);
    at += 4;
    if (at + length > frame.length) throw new ProtocolError('A field is longer than its frame.');
    fields.push(frame.subarray(at, at + length));
    at += length;
  }
  return { id: frame.readUInt32BE(4), kind: frame.readUInt8(8), fields };
}
