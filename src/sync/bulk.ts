import { randomBytes } from 'node:crypto';
import type { Logger } from '../base/log.ts';
import { isExecutable, sizeOf, typeOf, type Entry } from './entry.ts';
import type { AgentSide } from './guest/agentSide.ts';
import { ancestorsOf, type BytePath } from './path.ts';
import type { Side } from './side.ts';
import { TarStream, type Count, type NewEntry } from './tarStream.ts';
import type { Unpacker } from './unpacker.ts';

/** What has come to be at a path, on both sides. */
export interface Arrived {
  readonly host: Entry;
  readonly guest: Entry;
}

/** What stands at paths now, one for one. */
type OnHost = readonly (Entry | undefined)[];

/** Fewer than this, and the agent is as quick. */
export const bulkCount = 300;
/**
 * One stream, in files; what is over when it is cut off stays. Few more than that are not worth another one,
 * and a login of its own asks for more of them.
 */
const streamCount = { shared: 5_000, apart: 10_000 };
const lastShare = 1.5;
const streamBytes = 256 * 1024 ** 2;
/**
 * With more than this, in bytes, a login of its own takes no longer than encrypting it here would. That costs this
 * process a third less of its time, and tens of MiB of memory that it never gives back.
 */
const apartBytes = 32 * 1024 ** 2;
/**
 * As soon as that much, in bytes, is seen on a host of which no guest had anything yet, the login that it will go by is
 * begun: beside the start of the agent it takes no time of anybody's.
 */
export const aheadBytes = 8 * 1024 ** 2;
const statCount = 1_000;

/**
 * Sends much that is new to the guest as streams of tar: by far the quickest way for many files. Each
 * stream lands in a staging folder, is compared with what was to be sent, and is then moved in, folder by
 * folder, to where nothing is.
 */
export class BulkUpload {
  readonly #host: Side;
  readonly #guest: AgentSide;
  readonly #unpacker: Unpacker;
  readonly #tar: TarStream;
  /** Much goes by a way of its own, where the connection has one. */
  #isApart: boolean;

  constructor(root: string, sides: { host: Side; guest: AgentSide }, unpacker: Unpacker, log: Logger) {
    this.#host = sides.host;
    this.#guest = sides.guest;
    this.#unpacker = unpacker;
    this.#tar = new TarStream(root, unpacker, log);
    this.#isApart = unpacker.hasOwnWay;
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
      const { slice, apart } = this.#next(entries, at);
      const id = `bulk-${randomBytes(8).toString('hex')}`;
      const folder = this.#guest.stageFolder(id);
      const stop = new AbortController();
      before.catch((error: unknown) => stop.abort(error));
      // What was packed is looked at again while the guest takes the last of it.
      const packed = (): { now: Promise<OnHost> } => {
        const now = this.#stat(slice, signal);
        // Awaited with what is staged, or not at all.
        now.catch(() => undefined);
        return { now };
      };
      let came: { readonly now: Promise<OnHost> } | undefined;
      try {
        const given = AbortSignal.any([signal, stop.signal]);
        came = await this.#tar.send(slice, { folder, apart }, count, packed, given);
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
      before = this.#moveIn(id, slice, came.now, signal).then(arrived);
      // Awaited in the next turn; a failure before that is nobody's surprise.
      before.catch(() => undefined);
      at += slice.length;
    }
    await before;
  }

  /** Ends what was begun ahead and was not needed. */
  endAhead(): void {
    this.#unpacker.endAhead();
  }

  /** What goes as one stream, and whether that has a login of its own. */
  #next(entries: readonly NewEntry[], at: number): { slice: readonly NewEntry[]; apart: boolean } {
    if (this.#isApart) {
      const { slice, bytes } = cut(entries, at, streamCount.apart);
      if (bytes >= apartBytes || this.#unpacker.isAhead) return { slice, apart: true };
    }
    return { slice: cut(entries, at, streamCount.shared).slice, apart: false };
  }

  async #moveIn(
    id: string,
    slice: readonly NewEntry[],
    onHost: Promise<OnHost>,
    signal: AbortSignal,
  ): Promise<Map<BytePath, Arrived>> {
    const [{ entries: staged }, now] = await Promise.all([this.#guest.scanStage(id, signal), onHost]);
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

  async #stat(slice: readonly NewEntry[], signal: AbortSignal): Promise<OnHost> {
    const found: (Entry | undefined)[] = [];
    for (let at = 0; at < slice.length; at += statCount) {
      const paths = slice.slice(at, at + statCount).map(({ path }) => path);
      found.push(...(await this.#host.stat(paths, signal)));
    }
    return found;
  }
}

/** The next so many, or somewhat more where that is all. */
function cut(
  entries: readonly NewEntry[],
  at: number,
  count: number,
): { slice: readonly NewEntry[]; bytes: number } {
  const most = entries.length - at <= count * lastShare ? count * lastShare : count;
  let [end, bytes] = [at, 0];
  while (end < entries.length && end - at < most && bytes < streamBytes) {
    const entry = entries[end];
    if (entry) bytes += sizeOf(entry.source);
    end += 1;
  }
  return { slice: entries.slice(at, end), bytes };
}

function alike(source: Entry, staged: Entry): boolean {
  const type = typeOf(source);
  if (type !== typeOf(staged)) return false;
  if (type === 'd') return true;
  if (type === 'l') return source.target === staged.target;
  return sizeOf(source) === sizeOf(staged) && isExecutable(source) === isExecutable(staged);
}
