import { createHash } from 'node:crypto';
import { sizeOf, type Entry } from './entry.ts';
import { fileOperation, type Copy } from './copy.ts';
import type { Outcome, Side } from './side.ts';

/** How many pieces are on their way at once. */
const piecesUnderWay = 8;

/** A file that came across in pieces. */
export interface SentFile {
  readonly outcome: Outcome;
  /** What stood at the source when its last piece was read, and its content's sha256 in hex. */
  readonly entry: Entry;
  readonly hash: string;
}

/**
 * Brings a large file across piece by piece, into a staged file which a later attempt goes on with.
 * @param expect what the target must hold at the path
 * @param count told of the bytes of each piece
 * @returns undefined where the source changed meanwhile
 */
export async function sendLarge(
  { from, to }: { readonly from: Side; readonly to: Side },
  copy: Copy,
  expect: string,
  count: (bytes: number) => void,
  signal: AbortSignal,
): Promise<SentFile | undefined> {
  const { print } = copy.source;
  const id = `large-${createHash('sha256').update(`${copy.path}\0${print}`).digest('hex').slice(0, 32)}`;
  const size = sizeOf(copy.source);
  const start = Math.min(await to.staged(id, signal), size);
  // The last piece is asked for always: it brings the hash.
  let offset = start === size ? Math.max(0, size - 1) : start;
  let hash = '';
  let entry = copy.source;
  const underWay: Promise<void>[] = [];
  while (offset < size) {
    const piece = await from.readPiece({ path: copy.path, print, offset }, signal);
    if (!piece) break;
    const stored = to.stage(id, offset, piece.data, signal);
    // Awaited below; a failure before that is nobody's surprise.
    stored.catch(() => undefined);
    underWay.push(stored);
    if (underWay.length >= piecesUnderWay) await underWay.shift();
    offset += piece.data.length;
    ({ hash = '', entry } = piece);
    count(piece.data.length);
  }
  await Promise.all(underWay);
  if (offset < size) return undefined;
  const [outcome] = await to.apply([fileOperation(copy.path, expect, entry, { staged: id, size })], signal);
  if (!outcome) throw new Error('No answer to a file that was staged.');
  return { outcome, entry, hash };
}
