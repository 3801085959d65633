import { createHash } from 'node:crypto';
import { sizeOf, type Entry } from './entry.ts';
import { fileOperation, type Copy } from './copy.ts';
import type { LargeStream, Passage } from './largeStream.ts';
import type { Outcome, Side } from './side.ts';

/** How many pieces are on their way at once. */
const piecesUnderWay = 8;

/** A file that came across by itself. */
export interface SentFile {
  readonly outcome: Outcome;
  /** What stood at the source when all of it had been read. */
  readonly entry: Entry;
}

/**
 * Brings a large file across, as a stream where there is one, and the rest piece by piece, into a staged file
 * which a later attempt goes on with. Nobody hashes it on its way, which would take longer than the way: it is
 * read again when nothing else is to be done.
 * @param expect what the target must hold at the path
 * @param count told of bytes as they are stored
 * @returns undefined where the source changed meanwhile
 */
export async function sendLarge(
  { from, to, stream }: { readonly from: Side; readonly to: Side; readonly stream: LargeStream | undefined },
  copy: Copy,
  expect: string,
  count: (bytes: number) => void,
  signal: AbortSignal,
): Promise<SentFile | undefined> {
  const { print } = copy.source;
  const id = `large-${createHash('sha256').update(`${copy.path}\0${print}`).digest('hex').slice(0, 32)}`;
  const size = sizeOf(copy.source);
  let start = Math.min(await to.staged(id, signal), size);
  await stream?.send({ copy, id, start }, count, signal);
  if (stream) start = Math.min(await to.staged(id, signal), size);
  const isWhole = await sendPieces({ from, to }, { copy, id, start }, count, signal);
  const [entry] = isWhole ? await from.stat([copy.path], signal) : [];
  if (entry?.print !== print) {
    // Nobody asks for that one again: no room is taken for it.
    await to.stage(id, 0, Buffer.alloc(0), signal);
    return undefined;
  }
  const [outcome] = await to.apply([fileOperation(copy.path, expect, entry, { staged: id, size })], signal);
  if (!outcome) throw new Error('No answer to a file that was staged.');
  return { outcome, entry };
}

/** @returns false where the source changed meanwhile */
async function sendPieces(
  { from, to }: { readonly from: Side; readonly to: Side },
  { copy, id, start }: Passage,
  count: (bytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const { print } = copy.source;
  const size = sizeOf(copy.source);
  const underWay: Promise<void>[] = [];
  let offset = start;
  try {
    while (offset < size) {
      const piece = await from.readPiece({ path: copy.path, print, offset }, signal);
      if (!piece) break;
      const stored = to.stage(id, offset, piece.data, signal);
      // Awaited below; a failure before that is nobody's surprise.
      stored.catch(() => undefined);
      underWay.push(stored);
      if (underWay.length >= piecesUnderWay) await underWay.shift();
      offset += piece.data.length;
      count(piece.data.length);
    }
    await Promise.all(underWay);
  } finally {
    // Where it is given up, no piece may still be written when the next attempt goes on with the same file.
    await Promise.allSettled(underWay);
  }
  return offset === size;
}
