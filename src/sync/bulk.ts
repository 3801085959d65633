import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/log.ts';
import type { BulkProcess } from '../connections/connection.ts';
import { isExecutable, sizeOf, typeOf, type Entry } from './entry.ts';
import type { AgentSide } from './guest/agentSide.ts';
import { ancestorsOf, toBuffer, type BytePath } from './path.ts';
import type { Side } from './side.ts';

/** Something new for the guest. */
export interface NewEntry {
  readonly path: BytePath;
  readonly source: Entry;
}

/** What has come to be at a path, on both sides. */
export interface Arrived {
  readonly host: Entry;
  readonly guest: Entry;
}

interface Unpacking extends Disposable {
  readonly stdin: Writable;
  readonly exit: BulkProcess['exit'];
}

/** Fewer than this, and the agent is as quick. */
export const bulkCount = 300;
/** One stream; what is over when it is cut off stays. Few more than that are not worth another one. */
const streamCount = 5_000;
const lastCount = streamCount * 1.5;
const streamBytes = 256 * 1024 ** 2;
/** More than this, in bytes, and a login of its own costs less than what encrypting it here would. */
const apartBytes = 64 * 1024 ** 2;
const statCount = 1_000;
/** Blocks of 512 bytes that tar writes at once: a pipe's 64 KiB, where 10 KiB would be six times the chunks for this process. */
const blocking = 128;

/**
 * Sends much that is new to the guest as streams of tar: by far the quickest way for many files. Each
 * stream lands in a staging folder, is compared with what was to be sent, and is then moved in, folder by
 * folder, to where nothing is.
 */
export class BulkUpload {
  readonly #root: string;
  readonly #host: Side;
  readonly #guest: AgentSide;
  readonly #log: Logger;
  /** Much goes by a way of its own, where the connection has one. */
  #isApart = true;

  constructor(root: string, host: Side, guest: AgentSide, log: Logger) {
    this.#root = root;
    this.#host = host;
    this.#guest = guest;
    this.#log = log;
  }

  /** True where it has what it needs. A file changed just now goes by the agent, which proves what it sent. */
  takes(entry: Entry): boolean {
    return this.#guest.hello.hasTar && !entry.racy;
  }

  /**
   * Sends what it can, one stream after the other; while one is under way, the one before is moved in.
   * @param entries folders among them, in the order in which they may arrive
   * @param arrived told what is there, stream by stream; what it is not told of is not there
   */
  async send(
    entries: readonly NewEntry[],
    count: (files: number, bytes: number) => void,
    arrived: (found: ReadonlyMap<BytePath, Arrived>) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    let before: Promise<void> = Promise.resolve();
    for (let at = 0; at < entries.length;) {
      let bytes = 0;
      let end = at;
      const most = entries.length - at <= lastCount ? lastCount : streamCount;
      while (end < entries.length && end - at < most && bytes < streamBytes) {
        const entry = entries[end];
        if (entry) bytes += sizeOf(entry.source);
        end += 1;
      }
      const slice = entries.slice(at, end);
      const id = `bulk-${randomBytes(8).toString('hex')}`;
      const folder = await this.#guest.makeStage(id, signal);
      const stop = new AbortController();
      const apart = this.#isApart && bytes >= apartBytes;
      before.catch((error: unknown) => stop.abort(error));
      let came: boolean;
      try {
        came = await this.#stream({ slice, folder, apart }, count, AbortSignal.any([signal, stop.signal]));
      } finally {
        await before;
      }
      if (!came) {
        await this.#guest.dropStage(id, signal);
        if (!apart) break;
        // Once more, the way that everything else goes.
        this.#isApart = false;
        continue;
      }
      before = this.#moveIn(id, slice, signal).then(arrived);
      // Awaited in the next turn; a failure before that is nobody's surprise.
      before.catch(() => undefined);
      at = end;
    }
    await before;
  }

  /** False where the guest could not take the stream. */
  async #stream(
    { slice, folder, apart }: { slice: readonly NewEntry[]; folder: string; apart: boolean },
    count: (files: number, bytes: number) => void,
    signal: AbortSignal,
  ): Promise<boolean> {
    const remote = await this.#unpack(folder, apart, signal);
    // Folders are named without what is in them, which is listed by itself.
    const local = spawn(
      'tar',
      ['-c', '-b', String(blocking), '-f', '-', '--no-recursion', '--null', '-T', '-'],
      {
        cwd: this.#root,
        signal,
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    let complaints = '';
    local.stderr.on('data', (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-1_000);
    });
    try {
      const names = toBuffer(slice.map(({ path }) => `./${path}\0`).join(''));
      const listed = pipeline([names], local.stdin);
      // Beside the pipe and not in it: one more stream would cost a sixth of this process's work.
      const counted = counter(slice, count);
      local.stdout.on('data', (chunk: Buffer) => counted.pass(chunk.length));
      await Promise.all([listed, pipeline(local.stdout, remote.stdin, { signal })]);
      counted.end();
      const { code, said } = await remote.exit;
      if (code === 0) return true;
      this.#log.warn(`Sync: the guest's tar ended with ${code ?? 'no code'}: ${said} ${complaints}`);
      return false;
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn(`Sync: no stream of tar: ${String(error)} ${complaints}`);
      return false;
    } finally {
      local.kill();
      remote.dispose();
    }
  }

  /** The guest's end of a stream: by a way of its own where that is worth it, and there is one. */
  async #unpack(folder: string, apart: boolean, signal: AbortSignal): Promise<Unpacking> {
    const argv = ['tar', '-x', '-o', '-f', '-', '-C', folder];
    const { connection } = this.#guest;
    const own = apart
      ? await connection.bulk?.({ argv, stdin: 'pipe', stdout: 'ignore' }, signal)
      : undefined;
    if (own?.stdin) return { stdin: own.stdin, exit: own.exit, dispose: () => own.dispose() };
    const remote = await connection.exec({ argv, cwd: '/' }, signal);
    let said = '';
    remote.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1_000)));
    remote.stdout.resume();
    const exit = remote.exit.then(({ code }) => ({ code, said }));
    return { stdin: remote.stdin, exit, dispose: () => remote.dispose() };
  }

  async #moveIn(
    id: string,
    slice: readonly NewEntry[],
    signal: AbortSignal,
  ): Promise<Map<BytePath, Arrived>> {
    const [{ entries: staged }, now] = await Promise.all([
      this.#guest.scanStage(id, signal),
      this.#stat(slice, signal),
    ]);
    const sound = new Map<BytePath, Arrived>();
    const leaveOut: BytePath[] = [];
    for (const [index, { path, source }] of slice.entries()) {
      const there = staged.get(path);
      if (!there) continue;
      // Changed since it was planned: what was packed may be half of one and half of the other.
      if (now[index]?.print === source.print && alike(source, there)) {
        sound.set(path, { host: source, guest: { ...there, racy: typeOf(there) !== 'd' } });
      } else if (typeOf(there) !== 'd') leaveOut.push(path);
    }
    const moved = await this.#guest.adoptStage(id, leaveOut, signal);
    for (const [path, entry] of moved) {
      const both = sound.get(path);
      if (entry && both) sound.set(path, { host: both.host, guest: entry });
    }
    const refused = new Set([...moved].filter(([, entry]) => !entry).map(([path]) => path));
    if (refused.size === 0) return sound;
    return new Map(
      [...sound].filter(([path]) => !refused.has(path) && !ancestorsOf(path).some((at) => refused.has(at))),
    );
  }

  async #stat(slice: readonly NewEntry[], signal: AbortSignal): Promise<(Entry | undefined)[]> {
    const found: (Entry | undefined)[] = [];
    for (let at = 0; at < slice.length; at += statCount) {
      const paths = slice.slice(at, at + statCount).map(({ path }) => path);
      found.push(...(await this.#host.stat(paths, signal)));
    }
    return found;
  }
}

function alike(source: Entry, staged: Entry): boolean {
  const type = typeOf(source);
  if (type !== typeOf(staged)) return false;
  if (type === 'd') return true;
  if (type === 'l') return source.target === staged.target;
  return sizeOf(source) === sizeOf(staged) && isExecutable(source) === isExecutable(staged);
}

/** Tells of bytes as they pass; how many files that is, is an estimate until the end. */
function counter(
  slice: readonly NewEntry[],
  count: (files: number, bytes: number) => void,
): { pass(length: number): void; end(): void } {
  const bytes = slice.reduce((sum, { source }) => sum + sizeOf(source), 0);
  let [passed, files] = [0, 0];
  return {
    pass(length) {
      const before = Math.min(bytes, passed);
      passed += length;
      const share = Math.min(1, passed / Math.max(1, bytes + 1_024 * slice.length));
      const more = Math.floor(slice.length * share) - files;
      files += more;
      count(more, Math.min(bytes, passed) - before);
    },
    end: () => count(slice.length - files, bytes - Math.min(bytes, passed)),
  };
}
