import { frame, numbers, unfields, windowBytes } from './frames.ts';
import type { ChannelEvents, GuestChannel, ProgramEnd, Terminal } from './guest.ts';

/** From how many consumed bytes on the agent is told that it may send more. */
const noteBytes = 1 << 20;

/** The way to the agent, as a channel needs it. */
export interface FrameSender {
  send(type: number, channel: number, payload?: Buffer): void;
  /** The channel is over. */
  forget(channel: number): void;
}

/** One channel of the agent: a program's streams, or a socket. */
export class AgentChannel implements GuestChannel {
  readonly #guest: FrameSender;
  readonly #id: number;
  readonly #events: ChannelEvents;
  /** Bytes that may still be sent without being told of more room. */
  #room = windowBytes;
  #consumed = 0;
  #isOver = false;
  #isFull = false;
  #hasEnded = false;
  #hasExited = false;

  constructor(guest: FrameSender, id: number, events: ChannelEvents) {
    this.#guest = guest;
    this.#id = id;
    this.#events = events;
  }

  send(chunk: Buffer): boolean {
    if (this.#isOver) return true;
    this.#guest.send(frame.data, this.#id, chunk);
    this.#room -= chunk.length;
    this.#isFull = this.#room <= 0;
    return !this.#isFull;
  }

  finish(): void {
    if (!this.#isOver) this.#guest.send(frame.finish, this.#id);
  }

  consumed(bytes: number): void {
    this.#consumed += bytes;
    if (this.#isOver || this.#consumed < noteBytes) return;
    this.#guest.send(frame.credit, this.#id, numbers(this.#consumed));
    this.#consumed = 0;
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#guest.forget(this.#id);
    this.#guest.send(frame.close, this.#id);
  }

  resize({ columns, rows, width, height }: Terminal): void {
    if (!this.#isOver) this.#guest.send(frame.resize, this.#id, numbers(rows, columns, width, height));
  }

  signal(name: string): void {
    if (!this.#isOver) this.#guest.send(frame.signal, this.#id, Buffer.from(name));
  }

  onOutput(chunk: Buffer, isError: boolean): void {
    if (!this.#isOver) this.#events.onOutput(chunk, isError);
  }

  onEnded(): void {
    if (this.#isOver) return;
    this.#hasEnded = true;
    this.#events.onEnded();
    if (this.#hasExited) this.onClosed(undefined);
  }

  onExited(end: ProgramEnd): void {
    if (this.#isOver) return;
    this.#hasExited = true;
    this.#events.onExited?.(end);
    if (this.#hasEnded) this.onClosed(undefined);
  }

  onGrant(bytes: number): void {
    this.#room += bytes;
    if (this.#isOver || !this.#isFull || this.#room <= 0) return;
    this.#isFull = false;
    this.#events.onRoom();
  }

  onClosed(reason: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#guest.forget(this.#id);
    this.#events.onClosed(reason);
  }
}

export function endOf(payload: Buffer): ProgramEnd {
  const [code = '', signal = '', coreDumped = ''] = unfields(payload);
  return signal === ''
    ? { by: 'itself', code: Number(code) }
    : { by: 'signal', signal, coreDumped: coreDumped === '1' };
}
