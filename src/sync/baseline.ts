import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import { randomBytes } from 'node:crypto';
import type { BytePath } from './path.ts';
import { eachInSlices } from './slices.ts';
import type { Logger } from '../base/log.ts';

/** What both sides last agreed on at a path. */
export interface Base {
  /** The print that each side's entry had then. Type and exec bit are the same in both. */
  readonly host: string;
  readonly guest: string;
  /** sha256 of a file in hex; '' where it is not known yet. */
  readonly hash: string;
  /** Of a link, in bytes. */
  readonly target: string;
  /** The side's print does not prove its content: it changed too shortly before it was taken. */
  readonly hostRacy: boolean;
  readonly guestRacy: boolean;
  /**
   * Deleted on one side and still there on this one: a folder that holds something which is not synced,
   * or a git object, which only git deletes. It is not brought back.
   */
  readonly leftOn: 'host' | 'guest' | undefined;
}

const magic = 'switchyard-baseline 1';
/** Fields of a record: path, host, guest, hash, target, flags; the journal adds a check sum. */
const recordFields = 6;

/**
 * The baseline of one workspace with one guest: in memory, and on disk as a snapshot and a journal of
 * what changed since. Only what both sides hold for good is written to disk (`commit` after both
 * settled), so a crash of either side takes the baseline back to a state that was true; an older baseline
 * costs a comparison, one ahead of the truth would cost data.
 */
export class Baseline {
  readonly #folder: string;
  readonly #entries: Map<BytePath, Base>;
  /** Paths whose content was written so lately that their print does not prove it. */
  readonly racy = new Set<BytePath>();
  /** For every path that moved since the last commit, what the disk holds. */
  #uncommitted = new Map<BytePath, Base | undefined>();
  readonly identity: string;
  readonly #boots: string;
  #snapshotId = '';
  #journalRecords = 0;
  /** Moved since the last `note`. */
  #unnoted = new Set<BytePath>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(folder: string, identity: string, boots: string, entries: Map<BytePath, Base>) {
    this.#folder = folder;
    this.identity = identity;
    this.#boots = boots;
    this.#entries = entries;
    for (const [at, base] of entries) this.#noteRacy(at, base);
  }

  /**
   * What the folder holds for these two sides; empty where that is nothing, or is damaged.
   * @param boots changes when either side booted: what had not settled by then may be lost there
   */
  static async load(folder: string, identity: string, boots: string, log: Logger): Promise<Baseline> {
    await fs.mkdir(folder, { recursive: true });
    const stored = await readSnapshot(path.join(folder, 'baseline'), log);
    if (stored?.identity !== identity) {
      if (stored) log.info('Another guest or folder than last time: the sync begins anew.');
      const fresh = new Baseline(folder, identity, boots, new Map());
      await fresh.#writeSnapshot();
      await fresh.#writeUnsettled();
      return fresh;
    }
    const { entries, id } = stored;
    const journal = await readRecords(path.join(folder, 'journal'), id);
    if (journal?.cutOff) log.warn('The end of the sync journal is cut off; the rest counts.');
    for (const [at, base] of journal?.records ?? []) put(entries, at, base);
    const baseline = new Baseline(folder, identity, boots, entries);
    baseline.#snapshotId = id;
    baseline.#journalRecords = journal?.records.length ?? 0;
    const unsettled = await readRecords(path.join(folder, 'unsettled'), baseline.#unsettledHead());
    // A new snapshot: a cut-off tail must not be written on.
    await baseline.#writeSnapshot();
    await baseline.#writeUnsettled();
    for (const [at, base] of unsettled?.records ?? []) {
      if (base) baseline.set(at, base);
      else baseline.delete(at);
    }
    await baseline.note();
    return baseline;
  }

  get entries(): ReadonlyMap<BytePath, Base> {
    return this.#entries;
  }

  set(at: BytePath, base: Base): void {
    this.#remember(at);
    this.#entries.set(at, base);
    this.#noteRacy(at, base);
  }

  delete(at: BytePath): void {
    this.#remember(at);
    this.#entries.delete(at);
    this.racy.delete(at);
  }

  get hasUncommitted(): boolean {
    return this.#uncommitted.size > 0;
  }

  /**
   * Notes what moved since the last time, for a next session in the same boot of both sides: their
   * memories hold it, though their disks may not yet.
   */
  async note(): Promise<void> {
    if (this.#unnoted.size === 0) return;
    const paths = [...this.#unnoted];
    this.#unnoted.clear();
    await this.#inTurn(async () => {
      const handle = await fs.open(this.#file('unsettled'), 'a');
      try {
        await this.#writeRecords(handle, paths);
      } finally {
        await handle.close();
      }
    });
  }

  /** What `commit` would write now. Take it before the sides settle, so that nothing later slips in. */
  async pending(): Promise<ReadonlyMap<BytePath, Base | undefined>> {
    const pending = new Map<BytePath, Base | undefined>();
    await eachInSlices(this.#uncommitted.keys(), (at) => pending.set(at, this.#entries.get(at)), never);
    return pending;
  }

  /** Writes to disk what was pending, after both sides settled it. */
  async commit(pending: ReadonlyMap<BytePath, Base | undefined>): Promise<void> {
    if (pending.size === 0) return;
    await this.#inTurn(async () => {
      const isMuch = this.#journalRecords + pending.size > Math.max(1_000, this.#entries.size);
      if (isMuch) await this.#writeSnapshot(pending);
      else {
        const records = inPieces(pending, ([at, base]) => checked(at, base));
        await appendDurably(this.#file('journal'), records);
        this.#journalRecords += pending.size;
      }
      await eachInSlices(
        pending,
        ([at, base]) => {
          // Moved again since: what was written now is what the disk holds, and it stays uncommitted.
          if (this.#entries.get(at) === base) this.#uncommitted.delete(at);
          else this.#uncommitted.set(at, base);
        },
        never,
      );
      await this.#writeUnsettled();
    });
  }

  #noteRacy(at: BytePath, base: Base): void {
    if (base.hostRacy || base.guestRacy) this.racy.add(at);
    else this.racy.delete(at);
  }

  #remember(at: BytePath): void {
    this.#unnoted.add(at);
    if (!this.#uncommitted.has(at)) this.#uncommitted.set(at, this.#entries.get(at));
  }

  /**
   * A new snapshot of what is committed, and an empty journal. What moves while it is written is taken as
   * it was before: `#remember` keeps that.
   * @param pending what counts as committed from now on
   */
  async #writeSnapshot(pending: ReadonlyMap<BytePath, Base | undefined> = new Map()): Promise<void> {
    const id = randomBytes(8).toString('hex');
    await replaceDurably(this.#file('baseline'), summed(this.#snapshot(id, pending)));
    await replaceDurably(this.#file('journal'), [Buffer.from(`${id}\0`, 'latin1')]);
    this.#snapshotId = id;
    this.#journalRecords = 0;
  }

  *#snapshot(id: string, pending: ReadonlyMap<BytePath, Base | undefined>): Generator<Buffer> {
    yield Buffer.from(`${magic}\0${id}\0${this.identity}\0`, 'latin1');
    yield* inPieces(this.#entries, ([at, base]) =>
      this.#uncommitted.has(at) || pending.has(at) ? '' : encode(at, base),
    );
    yield* inPieces(pending, ([at, base]) => (base ? encode(at, base) : ''));
    yield* inPieces(this.#uncommitted, ([at, base]) => (base && !pending.has(at) ? encode(at, base) : ''));
  }

  async #writeUnsettled(): Promise<void> {
    const head = Buffer.from(`${this.#unsettledHead()}\0`, 'latin1');
    this.#unnoted.clear();
    const handle = await fs.open(this.#file('unsettled'), 'w');
    try {
      await handle.writeFile(head);
      await this.#writeRecords(handle, [...this.#uncommitted.keys()]);
    } finally {
      await handle.close();
    }
  }

  /** Ties what is unsettled to the very state on disk that it follows, and to both boots. */
  #unsettledHead(): string {
    return `${this.#snapshotId} ${this.#journalRecords} ${this.#boots}`;
  }

  async #writeRecords(file: fs.FileHandle, paths: readonly BytePath[]): Promise<void> {
    for (const piece of inPieces(paths, (at) => checked(at, this.#entries.get(at)))) {
      await file.writeFile(piece);
    }
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#writing.then(work, work);
    this.#writing = mine;
    return mine;
  }
}

/** Work that nobody waits to see the end of is cut into slices all the same. */
const never = new AbortController().signal;
const pieceCount = 500;

/** Many records as buffers of some hundred each, so that writing a large baseline lets others work. */
function* inPieces<T>(items: Iterable<T>, record: (item: T) => string): Generator<Buffer> {
  let [text, count] = ['', 0];
  for (const item of items) {
    text += record(item);
    count += 1;
    if (count % pieceCount !== 0) continue;
    yield Buffer.from(text, 'latin1');
    text = '';
  }
  if (text !== '') yield Buffer.from(text, 'latin1');
}

/** The check sum of all comes last. */
function* summed(pieces: Iterable<Buffer>): Generator<Buffer> {
  let sum = 0;
  for (const piece of pieces) {
    sum = crc32(piece, sum);
    yield piece;
  }
  yield Buffer.from(sum.toString(16).padStart(8, '0'), 'latin1');
}

function put(entries: Map<BytePath, Base>, at: BytePath, base: Base | undefined): void {
  if (base) entries.set(at, base);
  else entries.delete(at);
}

/** A record with its check sum, so that one cut off or damaged is noticed. */
function checked(at: BytePath, base: Base | undefined): string {
  const record = encode(at, base);
  return `${record}${crc32(Buffer.from(record, 'latin1')).toString(16)}\0`;
}

function encode(at: BytePath, base: Base | undefined): string {
  if (!base) return `${at}\0\0\0\0\0\0`;
  const flags = `${base.hostRacy ? 'h' : ''}${base.guestRacy ? 'g' : ''}${base.leftOn === 'host' ? 'H' : base.leftOn === 'guest' ? 'G' : ''}`;
  return `${at}\0${base.host}\0${base.guest}\0${base.hash}\0${base.target}\0${flags}\0`;
}

function decode(fields: readonly string[], from: number): [BytePath, Base | undefined] {
  const [at = '', host = '', guest = '', hash = '', target = '', flags = ''] = fields.slice(
    from,
    from + recordFields,
  );
  if (host === '') return [at, undefined];
  const leftOn = flags.includes('H') ? 'host' : flags.includes('G') ? 'guest' : undefined;
  return [
    at,
    {
      host,
      guest,
      hash,
      target,
      hostRacy: flags.includes('h'),
      guestRacy: flags.includes('g'),
      leftOn,
    },
  ];
}

async function readSnapshot(
  file: string,
  log: Logger,
): Promise<{ id: string; identity: string; entries: Map<BytePath, Base> } | undefined> {
  const data = await readIfThere(file);
  if (!data) return undefined;
  const body = data.subarray(0, -8);
  const fields = body.toString('latin1').split('\0');
  const sound = crc32(body).toString(16).padStart(8, '0') === data.subarray(-8).toString('latin1');
  if (!sound || fields[0] !== magic) {
    log.warn('The baseline of the sync is damaged and counts as none.');
    return undefined;
  }
  const entries = new Map<BytePath, Base>();
  for (let from = 3; from + recordFields < fields.length; from += recordFields) {
    const [at, base] = decode(fields, from);
    if (base) entries.set(at, base);
  }
  return { id: fields[1] ?? '', identity: fields[2] ?? '', entries };
}

/** The records of a journal up to the first that is damaged; undefined where it follows another state. */
async function readRecords(
  file: string,
  head: string,
): Promise<{ records: [BytePath, Base | undefined][]; cutOff: boolean } | undefined> {
  const data = await readIfThere(file);
  const fields = data?.toString('latin1').split('\0');
  if (fields?.[0] !== head) return undefined;
  const records: [BytePath, Base | undefined][] = [];
  let from = 1;
  for (; from + recordFields + 1 < fields.length; from += recordFields + 1) {
    const record = `${fields.slice(from, from + recordFields).join('\0')}\0`;
    if (crc32(Buffer.from(record, 'latin1')).toString(16) !== fields[from + recordFields]) break;
    records.push(decode(fields, from));
  }
  return { records, cutOff: from < fields.length - 1 };
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function appendDurably(file: string, data: Iterable<Buffer>): Promise<void> {
  const handle = await fs.open(file, 'a');
  try {
    for (const piece of data) await handle.writeFile(piece);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function replaceDurably(file: string, data: Iterable<Buffer>): Promise<void> {
  const next = `${file}.next`;
  const handle = await fs.open(next, 'w', 0o600);
  try {
    for (const piece of data) await handle.writeFile(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(next, file);
}
