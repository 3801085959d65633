import { createHash, type Hash } from 'node:crypto';
import type { BytePath } from '../path.ts';

/** The running sha256 of large files that come piece by piece, in order. */
export class PieceHashes {
  readonly #running = new Map<BytePath, { hash: Hash; upTo: number; print: string }>();

  /** The hash of the whole file with its last piece; undefined before, and where the pieces have a gap. */
  add(
    { path, print, offset }: { path: BytePath; print: string; offset: number },
    data: Uint8Array,
    isLast: boolean,
  ): string | undefined {
    const known = this.#running.get(path);
    this.#running.delete(path);
    const fits = offset === 0 || (known?.upTo === offset && known.print === print);
    // Resumed in the middle: whoever puts the pieces together hashes them.
    if (!fits) return undefined;
    const hash = (offset === 0 ? createHash('sha256') : known?.hash)?.update(data);
    if (isLast) return hash?.digest('hex');
    if (hash) this.#running.set(path, { hash, upTo: offset + data.length, print });
    return undefined;
  }
}
