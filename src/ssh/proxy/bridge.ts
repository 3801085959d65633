import type { ServerChannel } from 'ssh2';
import type { ChannelEvents, GuestChannel, ProgramEnd } from '../../connections/guest/guest.ts';
import { gather, spend } from '../../connections/readMemory.ts';

/** The signals that SSH has names for (RFC 4254, 6.10). */
const sshSignals = new Set('ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2'.split(' '));

/** What a client sees as the exit code where a program's end is not known or cannot be told. */
const lostCode = 255;

interface Waiting {
  readonly chunk: Buffer;
  readonly isError: boolean;
}

/**
 * One channel of a client and one of the environment, end to end. What comes is sent on in its order and no
 * faster than either end takes it.
 */
export class Bridge implements ChannelEvents {
  readonly #isProgram: boolean;
  readonly #waiting: Waiting[] = [];
  #ssh: ServerChannel | undefined;
  #guest: GuestChannel | undefined;
  /** Bytes handed to the SSH channel that it has not sent yet, and on which of its streams. */
  #sending = 0;
  #sendsError = false;
  #hasEnded = false;
  #isCut = false;
  #end: ProgramEnd | undefined;
  #isOver = false;

  constructor(kind: 'program' | 'socket') {
    this.#isProgram = kind === 'program';
  }

  /** From now on what comes out of the environment goes to this channel; what came before waited. */
  attach(ssh: ServerChannel): void {
    this.#ssh = ssh;
    // The client closed the channel, also where not everything that it sent was read.
    ssh.stderr.once('finish', () => this.#onClientGone());
    ssh.once('close', () => this.#onClientGone());
    ssh.on('error', () => this.#onClientGone());
    this.#next();
  }

  /** Lets what the client sends go to the environment. */
  connect(guest: GuestChannel): void {
    const ssh = this.#ssh;
    this.#guest = guest;
    if (this.#isOver || !ssh) {
      guest.close();
      return;
    }
    ssh.on('data', (chunk: Buffer) => {
      if (!guest.send(chunk)) ssh.pause();
    });
    ssh.once('end', () => guest.finish());
  }

  /** Ends a program's channel that never came to be, with a reason that the person reads. */
  fail(reason: string): void {
    if (this.#isOver) return;
    this.onOutput(Buffer.from(`Switchyard: ${reason}\r\n`), true);
    this.#end ??= { by: 'itself', code: lostCode };
    this.#hasEnded = true;
    this.#settle();
  }

  onOutput(chunk: Buffer, isError: boolean): void {
    if (this.#isOver) return;
    this.#waiting.push({ chunk, isError });
    // What comes at once leaves at once: the engine cuts a stream at other places than SSH, and each packet has a price.
    if (this.#waiting.length === 1) process.nextTick(() => this.#next());
  }

  onEnded(): void {
    this.#hasEnded = true;
    this.#settle();
  }

  onExited(end: ProgramEnd): void {
    this.#end = end;
    this.#settle();
  }

  onRoom(): void {
    if (!this.#isOver) this.#ssh?.resume();
  }

  onClosed(reason: string | undefined): void {
    if (this.#isProgram) {
      if (reason !== undefined) this.fail(reason);
      return;
    }
    this.#hasEnded = true;
    this.#isCut = true;
    this.#settle();
  }

  #write(ssh: ServerChannel, chunk: Buffer, isError: boolean): void {
    const { length } = chunk;
    this.#sending += length;
    this.#sendsError = isError;
    (isError ? ssh.stderr : ssh).write(chunk, () => {
      this.#sending -= length;
      spend(chunk);
      this.#guest?.consumed(length);
      if (this.#sending > 0) return;
      forgetWritten(ssh);
      this.#next();
    });
  }

  #next(): void {
    for (let next = this.#waiting[0]; next && this.#ssh; next = this.#waiting[0]) {
      const { isError } = next;
      // Only one of the two streams at a time: ssh2 wakes only one of them when the client has room again.
      if (this.#sending > 0 && isError !== this.#sendsError) return;
      const other = this.#waiting.findIndex((each) => each.isError !== isError);
      const chunks = this.#waiting.splice(0, other === -1 ? this.#waiting.length : other);
      this.#write(this.#ssh, gather(chunks.map(({ chunk }) => chunk)), isError);
    }
    this.#settle();
  }

  /** Says what there is to say about an end, once everything before it was said. */
  #settle(): void {
    const ssh = this.#ssh;
    if (this.#isOver || !this.#hasEnded || !ssh || this.#sending > 0 || this.#waiting.length > 0) return;
    if (!this.#isProgram) {
      // Where it was not cut the other direction may go on.
      ssh.eof();
      if (!this.#isCut) return;
    } else {
      if (!this.#end) return;
      if (this.#end.by === 'itself') ssh.exit(this.#end.code);
      else if (sshSignals.has(this.#end.signal)) ssh.exit(this.#end.signal, this.#end.coreDumped);
      else ssh.exit(lostCode);
    }
    this.#isOver = true;
    ssh.end();
    this.#guest?.close();
  }

  #onClientGone(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting.length = 0;
    this.#guest?.close();
  }
}

/**
 * ssh2 keeps what once had to wait for the client's window, and sends it again where next time the other
 * stream has to wait (its Channel.js, `_chunk`; server.js, CHANNEL_WINDOW_ADJUST).
 */
function forgetWritten(ssh: ServerChannel): void {
  Object.assign(ssh, {
    _chunk: undefined,
    _chunkcb: undefined,
    _chunkErr: undefined,
    _chunkcbErr: undefined,
  });
}
