import * as fs from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Base } from './baseline.ts';
import type { Logger } from '../base/log.ts';
import type { BytePath } from './path.ts';
import { inSlices } from './slices.ts';

const magic = 'switchyard-baseline 1';
/** Fields of a record: path, host, guest, hash, target, flags; the journal adds a check sum. */
const recordFields = 6;
/** Work that nobody waits to see the end of is cut into slices all the same. */
export const never = new AbortController().signal;
const pieceCount = 500;
/** After how many records read others get a chance to work. */
const pause = 250;

/** Many records as buffers of some hundred each, so that writing a large baseline lets others work. */
export function* inPieces<T>(items: Iterable<T>, record: (item: T) => string): Generator<Buffer> {
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
export function* summed(pieces: Iterable<Buffer>): Generator<Buffer> {
  let sum = 0;
  for (const piece of pieces) {
    sum = crc32(piece, sum);
    yield piece;
  }
  yield Buffer.from(sum.toString(16).padStart(8, '0'), 'latin1');
}

/** A record with its check sum, so that one cut off or damaged is noticed. */
export function checked(at: BytePath, base: Base | undefined): string {
  const record = encode(at, base);
  return `${record}${crc32(Buffer.from(record, 'latin1')).toString(16)}\0`;
}

export function encode(at: BytePath, base: Base | undefined): string {
  if (!base) return `${at}\0\0\0\0\0\0`;
  const flags = `${base.hostRacy ? 'h' : ''}${base.guestRacy ? 'g' : ''}${base.leftOn === 'host' ? 'H' : base.leftOn === 'guest' ? 'G' : ''}`;
  return `${at}\0${base.host}\0${base.guest}\0${base.hash}\0${base.target}\0${flags}\0`;
}

function decode(fields: readonly string[]): [BytePath, Base | undefined] {
  const [at = '', host = '', guest = '', hash = '', target = '', flags = ''] = fields;
  if (host === '') return [at, undefined];
  const leftOn = flags.includes('H') ? 'host' : flags.includes('G') ? 'guest' : undefined;
  const [hostRacy, guestRacy] = [flags.includes('h'), flags.includes('g')];
  return [at, { host, guest, hash, target, hostRacy, guestRacy, leftOn }];
}

/** What a snapshot begins with. */
export function snapshotHead(id: string, identity: string): Buffer {
  return Buffer.from(`${magic}\0${id}\0${identity}\0`, 'latin1');
}

/** Undefined where there is none, or a damaged one. */
export async function readSnapshot(
  file: string,
  log: Logger,
): Promise<{ id: string; identity: string; entries: Map<BytePath, Base> } | undefined> {
  const data = await readIfThere(file);
  if (!data) return undefined;
  const body = data.subarray(0, -8);
  const sound = crc32(body).toString(16).padStart(8, '0') === data.subarray(-8).toString('latin1');
  const head = fieldsAt(body, 0, 3);
  if (!sound || head?.fields[0] !== magic) {
    log.warn('The baseline of the sync is damaged and counts as none.');
    return undefined;
  }
  const entries = new Map<BytePath, Base>();
  const reading = function* (): Generator<undefined> {
    for (let next = fieldsAt(body, head.end, recordFields); next;) {
      const [at, base] = decode(next.fields);
      if (base) entries.set(at, base);
      if (entries.size % pause === 0) yield;
      next = fieldsAt(body, next.end, recordFields);
    }
  };
  await inSlices(reading(), never);
  return { id: head.fields[1] ?? '', identity: head.fields[2] ?? '', entries };
}

/** The records of a journal up to the first that is damaged; undefined where it follows another state. */
export async function readRecords(
  file: string,
  follows: string,
): Promise<{ records: [BytePath, Base | undefined][]; cutOff: boolean } | undefined> {
  const data = await readIfThere(file);
  if (!data) return undefined;
  const head = fieldsAt(data, 0, 1);
  if (head?.fields[0] !== follows) return undefined;
  const records: [BytePath, Base | undefined][] = [];
  let at = head.end;
  const reading = function* (): Generator<undefined> {
    for (let next = fieldsAt(data, at, recordFields + 1); next; next = fieldsAt(data, at, recordFields + 1)) {
      const sum = next.fields[recordFields] ?? '';
      const record = data.subarray(at, next.end - sum.length - 1);
      if (crc32(record).toString(16) !== sum) return;
      records.push(decode(next.fields));
      at = next.end;
      if (records.length % pause === 0) yield;
    }
  };
  await inSlices(reading(), never);
  return { records, cutOff: at < data.length };
}

/** So many fields from there on, each ended by a NUL; undefined where there are fewer. */
function fieldsAt(data: Buffer, from: number, count: number): { fields: string[]; end: number } | undefined {
  const fields: string[] = [];
  let at = from;
  while (fields.length < count) {
    const end = data.indexOf(0, at);
    if (end < 0) return undefined;
    fields.push(data.toString('latin1', at, end));
    at = end + 1;
  }
  return { fields, end: at };
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function appendDurably(file: string, data: Iterable<Buffer>): Promise<void> {
  const handle = await fs.open(file, 'a');
  try {
    for (const piece of data) await handle.writeFile(piece);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

export async function replaceDurably(file: string, data: Iterable<Buffer>): Promise<void> {
  await replace(file, data, true);
}

/** @param durably whether it is on the disk before it is in its place */
export async function replace(file: string, data: Iterable<Buffer>, durably = false): Promise<void> {
  const next = `${file}.next`;
  const handle = await fs.open(next, 'w', 0o600);
  try {
    for (const piece of data) await handle.writeFile(piece);
    if (durably) await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(next, file);
}
