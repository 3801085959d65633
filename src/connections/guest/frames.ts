import { spend, spendSome } from '../readMemory.ts';

/**
 * What the proxy and the agent (agent.pl) say to each other over one stream: frames of a length (4 bytes
 * big-endian, of what follows it), a type (1 byte), a channel (4 bytes) and a payload. Numbers are unsigned
 * and big-endian; fields are texts with their length (4 bytes) before each.
 */
export const frame = {
  // To the agent.
  /** Fields: kind, command, columns, rows, width, height, then names and values of variables. */
  exec: 1,
  /** Fields: host, port. */
  tcp: 2,
  /** Field: path. */
  unix: 3,
  /** Field: port. */
  listenTcp: 4,
  /** Field: path; empty for one of the agent's own making. */
  listenUnix: 5,
  data: 6,
  /** No more data. */
  finish: 7,
  /** Nobody is interested any more: what runs is hung up on. */
  close: 8,
  /** Number: so many bytes more may come. */
  credit: 9,
  /** Numbers: rows, columns, width, height. */
  resize: 10,
  /** The payload is the signal's name, without SIG. */
  signal: 11,
  // From the agent.
  /** Fields: user, uid, home, shell. */
  hello: 64,
  /** Payload: the port or the path of a listener. */
  opened: 65,
  /** Payload: why. */
  failed: 66,
  stdout: 67,
  stderr: 68,
  /** No more output. */
  ended: 69,
  /** Fields: exit code, name of the signal or nothing, 1 if it dumped core. */
  exited: 70,
  /** Number: so many bytes arrived, and room for them is free again. */
  grant: 71,
  /** The channel is a listener's; fields: the new channel, the peer's host and port. */
  accepted: 72,
  closed: 73,
} as const;

/** Bytes that may be under way for one channel in one direction; the same in agent.pl. */
export const windowBytes = 1 << 21;

/** Bytes of a frame before its payload. */
export const headLength = 9;

export function head(type: number, channel: number, payloadLength: number): Buffer {
  const bytes = Buffer.allocUnsafe(headLength);
  bytes.writeUInt32BE(payloadLength + 5, 0);
  bytes[4] = type;
  bytes.writeUInt32BE(channel, 5);
  return bytes;
}

export function fields(...values: readonly (string | number | Buffer)[]): Buffer {
  return Buffer.concat(
    values.flatMap((value) => {
      const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value));
      return [numbers(bytes.length), bytes];
    }),
  );
}

/** @throws RangeError where the bytes are no fields */
export function unfields(bytes: Buffer): string[] {
  const values: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new RangeError('A field ends after its frame.');
    values.push(bytes.toString('utf8', at + 4, end));
    at = end;
  }
  return values;
}

export function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, index * 4));
  return bytes;
}

/**
 * Takes frames apart. The payload of `stdout` and `stderr` is handed on piece by piece as it comes, as views
 * of what came, and is spent by whoever takes it; every other one whole, and only until `onFrame` returns.
 */
export class FrameReader {
  readonly #onFrame: (type: number, channel: number, payload: Buffer) => void;
  readonly #head = Buffer.alloc(headLength);
  #headBytes = 0;
  #missing = 0;
  #parts: Buffer[] = [];

  constructor(onFrame: (type: number, channel: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws RangeError where the bytes are no frames */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headBytes < headLength) {
        const end = Math.min(chunk.length, at + headLength - this.#headBytes);
        this.#headBytes += chunk.copy(this.#head, this.#headBytes, at, end);
        spendSome(chunk, end - at);
        at = end;
        if (this.#headBytes < headLength) return;
        this.#missing = this.#head.readUInt32BE(0) - 5;
        if (this.#missing < 0 || this.#missing > maxPayload) throw new RangeError('Not a frame.');
        if (this.#missing === 0) this.#emit(Buffer.alloc(0));
        continue;
      }
      const piece = chunk.subarray(at, Math.min(chunk.length, at + this.#missing));
      at += piece.length;
      this.#missing -= piece.length;
      this.#emit(piece);
    }
  }

  #emit(piece: Buffer): void {
    const type = this.#head[4] ?? 0;
    const isOver = this.#missing === 0;
    if (isOver) this.#headBytes = 0;
    const channel = this.#head.readUInt32BE(5);
    if (type === frame.stdout || type === frame.stderr) {
      this.#onFrame(type, channel, piece);
      return;
    }
    this.#parts.push(piece);
    if (!isOver) return;
    const parts = this.#parts;
    this.#parts = [];
    this.#onFrame(type, channel, parts.length === 1 ? piece : Buffer.concat(parts));
    for (const part of parts) spend(part);
  }
}

/** More than any frame of the agent's holds, in bytes. */
const maxPayload = 1 << 22;
