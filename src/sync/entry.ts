import { linkEscapes, pathFault, toText, type BytePath } from './path.ts';

/**
 * - `f` file, `d` folder, `l` symbolic link.
 * - `s`: something that is not synced (socket, FIFO, device, link that escapes). `e`: could not be read.
 *   Nothing is written to or deleted at or below such a path.
 */
export type EntryType = 'f' | 'd' | 'l' | 's' | 'e';

/** What one side holds at a path. */
export interface Entry {
  /**
   * For files and links `<type><exec 0|1> <size> <mtime ns> <ctime ns> <inode>`, as the side itself
   * sees them; equal prints mean an unchanged entry. For the others just the type.
   */
  readonly print: string;
  /** The link's target in bytes; for `s` and `e` the reason as an English phrase; else ''. */
  readonly target: string;
  /** True where the entry changed so lately that another change might have left the same print. */
  readonly racy: boolean;
}

/** How old, in nanoseconds, a ctime must be before an equal print proves equal content. */
export const racyNs = 2_000_000_000n;

export function typeOf(entry: Entry): EntryType {
  return entry.print.charAt(0) as EntryType;
}

export function isExecutable(entry: Entry): boolean {
  return entry.print.charAt(1) === '1';
}

/** In bytes; 0 for anything but files. */
export function sizeOf(entry: Entry): number {
  return printSize(entry.print);
}

export function printSize(print: string): number {
  if (!print.startsWith('f')) return 0;
  return Number(print.slice(3, print.indexOf(' ', 3)));
}

/** Everything but the type, exec bit and ctime: what stays the same while an inode is renamed or linked. */
export function printCore(print: string): string {
  const [head = '', size, mtime, , inode] = print.split(' ');
  return `${head.charAt(0)} ${size} ${mtime} ${inode}`;
}

const printShape = /^(?:[fl][01] \d{1,16} -?\d{1,20} -?\d{1,20} \d{1,20}|[dse])$/;

export class BadRecord extends Error {
  override readonly name = 'BadRecord';
}

/** One entry as `[!]<print> NUL <path> NUL <target> NUL`; `!` marks a racy one. */
export function writeRecord(path: BytePath, entry: Entry): string {
  return `${entry.racy ? '!' : ''}${entry.print}\0${path}\0${entry.target}\0`;
}

/**
 * An entry out of the three fields of a record, whoever wrote it.
 * @throws BadRecord where a field is not what it must be
 */
export function readRecord(print: string, path: BytePath, target: string): Entry {
  const fault = pathFault(path);
  if (fault !== undefined) throw new BadRecord(`The path ${JSON.stringify(toText(path))} ${fault}.`);
  const racy = print.startsWith('!');
  const bare = racy ? print.slice(1) : print;
  if (!printShape.test(bare)) throw new BadRecord(`${JSON.stringify(print)} describes no entry.`);
  if (bare.startsWith('l') && linkEscapes(path, target)) {
    return { print: 's', target: 'the link leads out of the workspace', racy: false };
  }
  return { print: bare, target, racy };
}

/** An entry out of a record of one's own, of which nothing needs to be checked. */
export function trustedRecord(print: string, _path: BytePath, target: string): Entry {
  return print.startsWith('!')
    ? { print: print.slice(1), target, racy: true }
    : { print, target, racy: false };
}

/** After how many records others get a chance to work. */
const pause = 500;

/**
 * Reads a run of records: gives the number read so far now and then, so that the reader can let others work.
 * @param read makes an entry of the three fields of a record
 * @throws BadRecord
 */
export function* readRecords(
  data: Buffer,
  into: (path: BytePath, entry: Entry) => void,
  read: (print: string, path: BytePath, target: string) => Entry = readRecord,
): Generator<number, number> {
  let count = 0;
  for (let at = 0; at < data.length;) {
    const afterPrint = data.indexOf(0, at);
    const afterPath = afterPrint < 0 ? -1 : data.indexOf(0, afterPrint + 1);
    const end = afterPath < 0 ? -1 : data.indexOf(0, afterPath + 1);
    if (end < 0) throw new BadRecord('A record is cut off.');
    const path = data.toString('latin1', afterPrint + 1, afterPath);
    const target = end === afterPath + 1 ? '' : data.toString('latin1', afterPath + 1, end);
    into(path, read(data.toString('latin1', at, afterPrint), path, target));
    at = end + 1;
    count += 1;
    if (count % pause === 0) yield count;
  }
  return count;
}
