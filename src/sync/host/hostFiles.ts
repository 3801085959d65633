import * as fs from 'node:fs';
import { toBuffer, type BytePath } from '../path.ts';
import type { Refusal } from '../side.ts';

/** Where something lies on the disk, absolute, as the functions of `fs` take it. */
export type Place = string | Buffer;

const plain = /^[ -~]*$/;

/** Text where the name is plain: a Buffer costs as much as the call that it is made for. */
export function placeOf(root: string, at: BytePath): Place {
  if (at === '') return root;
  return plain.test(at) ? `${root}/${at}` : Buffer.concat([Buffer.from(`${root}/`), toBuffer(at)]);
}

export function targetOf(at: Place): BytePath | undefined {
  try {
    return fs.readlinkSync(at, { encoding: 'buffer' }).toString('latin1');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EINVAL'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

// Windows knows neither of the two flags.
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants as Partial<typeof fs.constants>;

/** For opening a file to read it: through no link, and without waiting for whoever writes into a FIFO. */
export const readFlags = fs.constants.O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/** True where a file could not be opened because it is gone, is no file, or is not ours to read. */
export function isNothingToRead(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EACCES', 'EPERM', 'ENXIO'].includes(codeOf(error));
}

export function openOrUndefined(at: Place): number | undefined {
  try {
    return fs.openSync(at, readFlags);
  } catch (error) {
    if (isNothingToRead(error)) return undefined;
    throw error;
  }
}

/** As umask would have made it: whoever may read it may run it. */
export function executableMode(mode: number): number {
  return (mode | ((mode & 0o444) >> 2)) & 0o7777;
}

export function readFully(file: number, offset: number, length: number): Buffer | undefined {
  const data = Buffer.allocUnsafe(length);
  for (let at = 0; at < length;) {
    const n = fs.readSync(file, data, at, length - at, offset + at);
    if (n === 0) return undefined;
    at += n;
  }
  return data;
}

const zeros = Buffer.alloc(64 * 1024);

export function isZeros(data: Uint8Array): boolean {
  for (let at = 0; at < data.length; at += zeros.length) {
    const piece = data.subarray(at, at + zeros.length);
    if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false;
  }
  return true;
}

export function writeFully(file: number, data: Uint8Array, offset: number): void {
  for (let at = 0; at < data.length;) {
    at += fs.writeSync(file, data, at, data.length - at, offset + at);
  }
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

export function refusalOf(error: unknown): Refusal {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'noSpace';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'denied';
    case 'ENOTEMPTY':
      return 'notEmpty';
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EISDIR':
      return 'stale';
    default:
      return 'failed';
  }
}

/** What a folder holds, by names of bytes. @throws where it cannot be read to its end */
export function listed(folder: Place): { readonly name: BytePath; isDirectory(): boolean }[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true, encoding: 'latin1' });
  } catch {
    // Where the disk does not tell types, Node asks for each by its name, which must then be the very bytes.
    return fs
      .readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })
      .map((item) => ({ name: item.name.toString('latin1'), isDirectory: () => item.isDirectory() }));
  }
}
