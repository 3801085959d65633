import * as fs from 'node:fs';
import * as path from 'node:path';
import { nameOf, toBuffer, toText, type BytePath } from '../path.ts';
import { printCore } from '../entry.ts';
import type { Place } from './hostFiles.ts';
import { printOf } from './hostScan.ts';

/** Something in the trash, right after it came there. */
export interface Trashed {
  /** Whether it is what was meant to go: the same inode, unchanged. */
  holds(print: string): boolean;
  /** In bytes. */
  readonly size: number;
  /** Takes it out of the trash again without a trace; where it came from holds it still. */
  forget(): void;
  /** Back to `to`, unless something is there by now: then it stays in the trash. */
  putBack(to: Place): void;
}

/**
 * What the sync replaced or deleted on the host, as `<time>-<n>~<name>`; which path each had stands in
 * `index`, a line each: `<time>-<n> <why> <path>`. The oldest go when the trash is fuller than its bound.
 */
export class HostTrash {
  readonly #folder: string;
  readonly #limit: number;
  readonly #index: number;
  #count = 0;
  #used: number | undefined;

  constructor(folder: string, limitBytes: number) {
    this.#folder = folder;
    this.#limit = limitBytes;
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#index = fs.openSync(path.join(folder, 'index'), 'a', 0o600);
  }

  /**
   * Keeps the file as well under its path, for what is about to replace it: between the two nothing else is to
   * be done, for what somebody puts there meanwhile would be gone. Then `count` it.
   */
  keep(from: Place, at: BytePath, why: string): Trashed {
    const to = this.#room(at, why);
    try {
      fs.linkSync(from, to);
    } catch (error) {
      if (!isCopyable(error)) throw error;
      copy(from, to);
      return new InTrash(to, true);
    }
    return new InTrash(to, false);
  }

  /** Moves the file here. `count` it once it is sure that it stays. */
  take(from: Place, at: BytePath, why: string): Trashed {
    const to = this.#room(at, why);
    try {
      fs.renameSync(from, to);
      return new InTrash(to, false);
    } catch (error) {
      if (!isCopyable(error)) throw error;
    }
    // Another file system: a copy, and the original goes only if it is what was copied.
    const before = printOf(fs.lstatSync(from, { bigint: true }));
    copy(from, to);
    if (printOf(fs.lstatSync(from, { bigint: true })) === before) fs.unlinkSync(from);
    return new InTrash(to, true);
  }

  /** Counts what has come, and lets go of the oldest where that is too much. */
  count(item: Trashed): void {
    this.#used = this.#used === undefined ? this.#measure() : this.#used + item.size;
    if (this.#used > this.#limit) this.#prune();
  }

  #room(at: BytePath, why: string): Buffer {
    this.#count += 1;
    const id = `${Date.now()}-${String(this.#count).padStart(6, '0')}`;
    fs.writeSync(this.#index, `${id} ${why} ${toText(at)}\n`);
    // The end of a name tells what sort of file it is.
    return Buffer.concat([Buffer.from(`${this.#folder}/${id}~`), toBuffer(nameOf(at).slice(-200))]);
  }

  #measure(): number {
    return this.#items().reduce((sum, item) => sum + item.bytes, 0);
  }

  #prune(): void {
    let used = this.#measure();
    for (const item of this.#items()) {
      if (used <= this.#limit) break;
      fs.rmSync(item.file);
      used -= item.bytes;
    }
    this.#used = used;
  }

  /** Oldest first. */
  #items(): { file: Buffer; bytes: number }[] {
    return fs
      .readdirSync(Buffer.from(this.#folder), { encoding: 'buffer' })
      .filter((name) => name.includes('~'))
      .sort((a, b) => a.compare(b))
      .map((name) => {
        const file = Buffer.concat([Buffer.from(`${this.#folder}/`), name]);
        return { file, bytes: fs.lstatSync(file).size };
      });
  }
}

class InTrash implements Trashed {
  readonly #file: Buffer;
  readonly #copied: boolean;

  constructor(file: Buffer, copied: boolean) {
    this.#file = file;
    this.#copied = copied;
  }

  get size(): number {
    return fs.lstatSync(this.#file).size;
  }

  holds(print: string): boolean {
    // A copy was checked while it was made.
    if (this.#copied) return true;
    return printCore(printOf(fs.lstatSync(this.#file, { bigint: true }))) === printCore(print);
  }

  forget(): void {
    fs.unlinkSync(this.#file);
  }

  putBack(to: Place): void {
    if (this.#copied) return;
    try {
      fs.linkSync(this.#file, to);
      fs.unlinkSync(this.#file);
    } catch (error) {
      // Something is there by now, and both are kept: that one in the tree, this one here.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** True for what a hard link or rename cannot do between two file systems, or on a simple one. */
function isCopyable(error: unknown): boolean {
  return ['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );
}

function copy(from: Place, to: Place): void {
  if (fs.lstatSync(from).isSymbolicLink()) {
    fs.symlinkSync(fs.readlinkSync(from, { encoding: 'buffer' }), to);
  } else {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
  }
}
