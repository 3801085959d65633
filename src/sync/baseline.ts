import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import { randomBytes } from 'node:crypto';
import type { BytePath } from './path.ts';
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
  /** For every path that moved since the last commit, what the disk holds. */
  #uncommitted = new Map<BytePath, Base | undefined>();
  readonly identity: string;
  #journalRecords: number;

  private constructor(
    folder: string,
    identity: string,
    entries: Map<BytePath, Base>,
    journalRecords: number,
  ) {
    this.#folder = folder;
    this.identity = identity;
    this.#entries = entries;
    this.#journalRecords = journalRecords;
  }

  /** What the folder holds for these two sides; empty where that is nothing, or is damaged. */
  static async load(folder: string, identity: string, log: Logger): Promise<Baseline> {
    await fs.mkdir(folder, { recursive: true });
    const stored = await readSnapshot(path.join(folder, 'baseline'), log);
    if (stored?.identity !== identity) {
      if (stored) log.info('Another guest or folder than last time: the sync begins anew.');
      const fresh = new Baseline(folder, identity, new Map(), 0);
      await fresh.#writeSnapshot();
      return fresh;
    }
    const applied = await replayJournal(path.join(folder, 'journal'), stored.id, stored.entries, log);
    const baseline = new Baseline(folder, identity, stored.entries, applied);
    // A cut-off tail must not be written on.
    if (applied > 0) await baseline.#writeSnapshot();
    return baseline;
  }

  get entries(): ReadonlyMap<BytePath, Base> {
    return this.#entries;
  }

  set(at: BytePath, base: Base): void {
    this.#remember(at);
    this.#entries.set(at, base);
  }

  delete(at: BytePath): void {
    this.#remember(at);
    this.#entries.delete(at);
  }

  get hasUncommitted(): boolean {
    return this.#uncommitted.size > 0;
  }

  /** What `commit` would write now. Take it before the sides settle, so that nothing later slips in. */
  pending(): ReadonlyMap<BytePath, Base | undefined> {
    return new Map([...this.#uncommitted.keys()].map((at) => [at, this.#entries.get(at)]));
  }

  /** Writes to disk what was pending, after both sides settled it. */
  async commit(pending: ReadonlyMap<BytePath, Base | undefined>): Promise<void> {
    if (pending.size === 0) return;
    for (const [at, base] of pending) {
      // Moved again since: what is written now is what the disk holds, and it stays uncommitted.
      if (this.#entries.get(at) === base) this.#uncommitted.delete(at);
      else this.#uncommitted.set(at, base);
    }
    if (this.#journalRecords + pending.size > Math.max(1_000, this.#entries.size)) {
      await this.#writeSnapshot();
      return;
    }
    const parts: string[] = [];
    for (const [at, base] of pending) {
      const record = encode(at, base);
      parts.push(record, crc32(Buffer.from(record, 'latin1')).toString(16), '\0');
    }
    await appendDurably(path.join(this.#folder, 'journal'), Buffer.from(parts.join(''), 'latin1'));
    this.#journalRecords += pending.size;
  }

  /** Back to what the disk holds, after a side may have lost what it had not written. */
  revert(): void {
    for (const [at, base] of this.#uncommitted) {
      if (base) this.#entries.set(at, base);
      else this.#entries.delete(at);
    }
    this.#uncommitted = new Map();
  }

  #remember(at: BytePath): void {
    if (!this.#uncommitted.has(at)) this.#uncommitted.set(at, this.#entries.get(at));
  }

  /** A new snapshot of what is committed, and an empty journal. */
  async #writeSnapshot(): Promise<void> {
    const id = randomBytes(8).toString('hex');
    const parts = [`${magic}\0${id}\0${this.identity}\0`];
    for (const [at, base] of this.#entries) {
      if (!this.#uncommitted.has(at)) parts.push(encode(at, base));
    }
    for (const [at, base] of this.#uncommitted) if (base) parts.push(encode(at, base));
    const body = Buffer.from(parts.join(''), 'latin1');
    const sum = Buffer.from(crc32(body).toString(16).padStart(8, '0'), 'latin1');
    await replaceDurably(path.join(this.#folder, 'baseline'), Buffer.concat([body, sum]));
    await replaceDurably(path.join(this.#folder, 'journal'), Buffer.from(`${id}\0`, 'latin1'));
    this.#journalRecords = 0;
  }
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

/** Applies what a journal holds up to the first record that is cut off or damaged; how many that were. */
async function replayJournal(
  file: string,
  snapshotId: string,
  entries: Map<BytePath, Base>,
  log: Logger,
): Promise<number> {
  const data = await readIfThere(file);
  if (!data) return 0;
  const fields = data.toString('latin1').split('\0');
  if (fields[0] !== snapshotId) return 0;
  let applied = 0;
  let from = 1;
  for (; from + recordFields + 1 < fields.length; from += recordFields + 1) {
    const record = `${fields.slice(from, from + recordFields).join('\0')}\0`;
    if (crc32(Buffer.from(record, 'latin1')).toString(16) !== fields[from + recordFields]) break;
    const [at, base] = decode(fields, from);
    if (base) entries.set(at, base);
    else entries.delete(at);
    applied += 1;
  }
  if (from < fields.length - 1) log.warn('The end of the sync journal is cut off; the rest counts.');
  return applied;
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function appendDurably(file: string, data: Buffer): Promise<void> {
  const handle = await fs.open(file, 'a');
  try {
    await handle.writeFile(data);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function replaceDurably(file: string, data: Buffer): Promise<void> {
  const next = `${file}.next`;
  const handle = await fs.open(next, 'w', 0o600);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(next, file);
}
