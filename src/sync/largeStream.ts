import type { FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../base/log.ts';
import type { BulkProcess, BulkRequest } from '../connections/connection.ts';
import { run } from '../connections/run.ts';
import { sizeOf } from './entry.ts';
import type { Copy } from './copy.ts';
import type { AgentSide } from './guest/agentSide.ts';
import type { HostSide } from './host/hostSide.ts';
import { toText, type BytePath } from './path.ts';
import type { Side } from './side.ts';

/** Less than this, in bytes, and the pieces are there before a stream has begun. */
export const streamedBytes = 16 * 1024 * 1024;
/** How often it is looked how far a stream is, in milliseconds. */
const lookMs = 200;
/** What `fetch` ends with where it is not for a stream to bring the file. */
const notForStream = 3;

/**
 * Writes standard input into the file $1 from byte $2 on. By places and not at the file's end: what is left of
 * a stream that was cut off then writes but what stands there. Zeros become holes; who cannot do that, nor
 * begin in the midst, is `cat`.
 */
const store = `
if dd if=/dev/null of=/dev/null bs=1 conv=sparse,notrunc oflag=seek_bytes status=none 2> /dev/null; then
  exec dd of="$1" bs=256K seek="$2" conv=sparse,notrunc oflag=seek_bytes status=none
fi
[ "$2" = 0 ] || exit 3
exec cat > "$1"`;

/** Prints the file $1 from byte $2 on, unless it has large holes: piece by piece they stay holes. */
const fetch = `
set -- "$1" "$2" $(stat -c '%b %s' "$1")
[ $(($3 * 1024)) -ge "$4" ] || exit 3
[ "$2" != 0 ] || exec cat "$1"
exec tail -c "+$(($2 + 1))" "$1"`;

/** A large file on its way. */
export interface Passage {
  readonly copy: Copy;
  /** The name under which it is staged. */
  readonly id: string;
  /** How much of it is staged already, in bytes. */
  readonly start: number;
}

/**
 * Brings a large file across as one stream, out of the file and into the staged one, past this process. It
 * may leave any part of it undone, which then goes piece by piece.
 */
export class LargeStream {
  readonly #host: HostSide;
  readonly #guest: AgentSide;
  readonly #folder: string;
  readonly #log: Logger;
  #isClean: boolean | undefined;

  /** @param folder absolute path of the workspace folder in the guest */
  constructor(host: HostSide, guest: AgentSide, folder: string, log: Logger) {
    this.#host = host;
    this.#guest = guest;
    this.#folder = folder;
    this.#log = log;
  }

  /** @param count told of bytes as they are stored */
  async send(passage: Passage, count: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    const { copy, start } = passage;
    if (!this.#guest.connection.bulk || sizeOf(copy.source) - start < streamedBytes) return;
    this.#isClean ??= this.#guest.isShellSilent ?? (await this.#passesOnly(signal));
    if (!this.#isClean) return;
    if (copy.to === 'guest') await this.#toGuest(passage, count, signal);
    else await this.#toHost(passage, count, signal);
  }

  async #toGuest(passage: Passage, count: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    const { copy, id, start } = passage;
    const file = await this.#host.openFile(copy.path, copy.source.print);
    if (!file) return;
    try {
      await advance(file, start, signal);
      const argv = ['sh', '-c', store, 'sh', `${this.#guest.hello.staging}/${id}`, String(start)];
      await this.#run(this.#guest, passage, { argv, stdin: file.fd, stdout: 'ignore' }, count, signal);
    } finally {
      await file.close();
    }
  }

  async #toHost(passage: Passage, count: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    const { copy, id, start } = passage;
    const at = textOf(copy.path);
    if (at === undefined) return;
    const file = await this.#host.openStaged(id);
    try {
      await advance(file, start, signal);
      const argv = ['sh', '-c', fetch, 'sh', `${this.#folder}/${at}`, String(start)];
      await this.#run(this.#host, passage, { argv, stdin: 'ignore', stdout: file.fd }, count, signal);
    } finally {
      await file.close();
    }
  }

  /** What is staged on `to` afterwards is a beginning of the file, if nobody changed that. */
  async #run(
    to: Side,
    { copy, id, start }: Passage,
    request: BulkRequest,
    count: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const size = sizeOf(copy.source);
    const stream = await this.#guest.connection.bulk?.(request, signal);
    if (!stream) return;
    let stored = start;
    try {
      const over = stream.exit.then(() => true as const);
      for (let isOver = false; !isOver;) {
        isOver = await Promise.race([over, delay(lookMs, false)]);
        signal.throwIfAborted();
        const now = await to.staged(id, signal);
        count(Math.max(0, Math.min(now, size) - stored));
        stored = Math.max(stored, now);
        // Whatever that is, it is not the file, and it may have no end.
        if (now > size) break;
      }
    } finally {
      await ended(stream);
    }
    const { code, said } = await stream.exit;
    signal.throwIfAborted();
    if (code === 0 && stored === size) return;
    if (code !== notForStream) {
      this.#log.info(`Sync: the stream of ${toText(copy.path)} ended with ${code ?? 'no code'}: ${said}`);
    }
    if (stored <= size && code !== 0) return;
    // Other bytes than the file's were among it, or the file has grown.
    await to.stage(id, start, Buffer.alloc(0), signal);
  }

  /** What a shell prints or reads when it starts would be taken for a part of the file. */
  async #passesOnly(signal: AbortSignal): Promise<boolean> {
    const probe = 'only this';
    const request = { argv: ['cat'], cwd: '/', input: probe };
    const { code, stdout } = await run(this.#guest.connection, request, signal);
    return code === 0 && stdout.toString('latin1') === probe;
  }
}

async function ended(stream: BulkProcess): Promise<void> {
  stream.dispose();
  await stream.exit;
}

/** Moves a file's own position on, which can be done by reading only. */
async function advance(file: FileHandle, to: number, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafe(4 * 1024 * 1024);
  for (let at = 0; at < to;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, to - at), null);
    if (bytesRead === 0) throw new Error('A staged file is shorter than it was.');
    at += bytesRead;
  }
}

/** Names that are no text cannot be said in a command. */
function textOf(path: BytePath): string | undefined {
  const text = toText(path);
  return Buffer.from(text, 'utf8').toString('latin1') === path ? text : undefined;
}
