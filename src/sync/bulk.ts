import { randomBytes } from 'node:crypto';
import type { Logger } from '../base/log.ts';
import { isExecutable, sizeOf, typeOf, type Entry } from './entry.ts';
import type { AgentSide } from './guest/agentSide.ts';
import { ancestorsOf, type BytePath } from './path.ts';
import type { Side } from './side.ts';
import { TarStream, type Count, type NewEntry } from './tarStream.ts';

/** What has come to be at a path, on both sides. */
export interface Arrived {
  readonly host: Entry;
  readonly guest: Entry;
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

/**
 * Sends much that is new to the guest as streams of tar: by far the quickest way for many files. Each
 * stream lands in a staging folder, is compared with what was to be sent, and is then moved in, folder by
 * folder, to where nothing is.
 */
export class BulkUpload {
  readonly #host: Side;
  readonly #guest: AgentSide;
  readonly #tar: TarStream;
  /** Much goes by a way of its own, where the connection has one. */
  #isApart = true;

  constructor(root: string, host: Side, guest: AgentSide, log: Logger) {
    this.#host = host;
    this.#guest = guest;
    this.#tar = new TarStream(root, guest.connection, log);
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
    count: Count,
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
        came = await this.#tar.send(slice, { folder, apart }, count, AbortSignal.any([signal, stop.signal]));
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
