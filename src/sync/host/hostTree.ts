import * as fs from 'node:fs';
import { createHash } from 'node:crypto';
import { typeOf, type Entry } from '../entry.ts';
import { ancestorsOf, linkEscapes, nameOf, pathFault, type BytePath } from '../path.ts';
import type { PathRules } from '../patterns.ts';
import { wholeFileBytes, type Operation, type Outcome } from '../side.ts';
import {
  codeOf,
  executableMode,
  openOrUndefined,
  placeOf,
  readFully,
  refusalOf,
  type Place,
} from './hostFiles.ts';
import { entryAt, printOf, scanFolder } from './hostScan.ts';
import { HostStaging } from './hostStaging.ts';
import { HostTrash } from './hostTrash.ts';
import { Refused } from './refused.ts';

/** Where a host tree keeps what is not the workspace. All absolute paths. */
export interface HostFolders {
  /** The workspace folder. */
  readonly root: string;
  /** For files under way; emptied at the start. On the workspace's file system where that can be. */
  readonly staging: string;
  readonly trash: string;
  /** How much the trash may hold, in bytes. */
  readonly trashBytes: number;
}

/** How much of a large file one piece holds. */
export const pieceBytes = 1024 * 1024;

/**
 * The workspace folder on the host. All calls block: it lives in a worker thread, because 10,000 calls of
 * lstat that do not block cost the extension host ten times the time of these.
 */
export class HostTree {
  readonly #root: string;
  readonly #identity: string | undefined;
  readonly #staging: HostStaging;
  readonly #trash: HostTrash;
  /** One for all: most files are small, and a new one for each is more work than its hash. */
  readonly #buffer = Buffer.allocUnsafe(pieceBytes);

  constructor(folders: HostFolders) {
    this.#root = folders.root;
    this.#identity = this.identity();
    this.#staging = new HostStaging(folders.staging);
    this.#trash = new HostTrash(folders.trash, folders.trashBytes);
  }

  /** Device and inode of the workspace folder; undefined where it is no folder (any more). */
  identity(): string | undefined {
    const stat = fs.statSync(this.#root, { bigint: true, throwIfNoEntry: false });
    return stat?.isDirectory() ? `${stat.dev}:${stat.ino}` : undefined;
  }

  /** @throws where the folder is another than at the start: what is known of it holds no longer */
  checkRoot(): void {
    if (this.identity() !== this.#identity) throw new Error('The workspace folder is gone.');
  }

  /** Removes what an earlier run left behind half-way, but for staged large files, which resume. */
  clean(): void {
    this.#staging.clean();
  }

  /** All entries as records, piece by piece. @returns how many. @throws where the root cannot be listed */
  *scan(rules: PathRules): Generator<Buffer, number> {
    this.checkRoot();
    return yield* scanFolder(this.#root, rules);
  }

  /** What stands at a path; undefined for nothing. */
  entry(at: BytePath): Entry | undefined {
    return entryAt(this.#root, at);
  }

  hash(at: BytePath): { entry: Entry; hash: string } | undefined {
    return this.#whileStill(at, (file, entry) => {
      const hash = createHash('sha256');
      for (let n = fs.readSync(file, this.#buffer); n > 0; n = fs.readSync(file, this.#buffer)) {
        hash.update(this.#buffer.subarray(0, n));
      }
      return { entry, hash: hash.digest('hex') };
    });
  }

  read(at: BytePath): { entry: Entry; data: Buffer; hash: string } | undefined {
    return this.#whileStill(at, (file, entry, size) => {
      if (size > wholeFileBytes) return undefined;
      const data = readFully(file, 0, size);
      return data && { entry, data, hash: createHash('sha256').update(data).digest('hex') };
    });
  }

  readPiece(at: BytePath, print: string, offset: number): { entry: Entry; data: Buffer } | undefined {
    return this.#whileStill(at, (file, entry, size) => {
      if (entry.print !== print) return undefined;
      const data = readFully(file, offset, Math.min(pieceBytes, size - offset));
      return data && { entry, data };
    });
  }

  staged(id: string): number {
    return this.#staging.size(id);
  }

  stage(id: string, offset: number, data: Uint8Array): void {
    this.#staging.write(id, offset, data);
  }

  apply(operation: Operation): Outcome {
    try {
      return this.#do(operation);
    } catch (error) {
      if (error instanceof Refused) return { done: false, why: error.why, message: error.message };
      return { done: false, why: refusalOf(error), message: (error as Error).message };
    }
  }

  #do(operation: Operation): Outcome {
    this.#checkParents(operation.path);
    const target = this.#at(operation.path);
    switch (operation.do) {
      case 'folder':
        if (this.entry(operation.path)) throw new Refused('stale', 'Something is there already.');
        fs.mkdirSync(target);
        return { done: true, entry: folderEntry };
      case 'file': {
        this.#expect(operation.path, operation.expect);
        return { done: true, entry: this.#place(this.#staging.file(operation), operation) };
      }
      case 'link': {
        if (linkEscapes(operation.path, operation.target)) {
          throw new Refused('denied', 'The link leads out of the workspace.');
        }
        this.#expect(operation.path, operation.expect);
        return { done: true, entry: this.#place(this.#staging.link(operation.target), operation) };
      }
      case 'mode': {
        this.#expect(operation.path, operation.expect);
        const mode = fs.lstatSync(target).mode;
        fs.chmodSync(target, operation.executable ? executableMode(mode) : mode & ~0o111);
        return { done: true, entry: this.entry(operation.path) };
      }
      case 'remove':
        this.#expect(operation.path, operation.expect);
        if (operation.expect === 'd') fs.rmdirSync(target);
        else this.#toTrash(operation.path, operation.expect);
        return { done: true, entry: undefined };
      case 'move': {
        this.#expect(operation.path, operation.expect);
        this.#checkParents(operation.to);
        if (this.entry(operation.to)) throw new Refused('stale', 'Something is there already.');
        fs.renameSync(target, this.#at(operation.to));
        return { done: true, entry: this.entry(operation.to) };
      }
    }
  }

  /** Moves a staged file or link to its path; what stood there goes to the trash. */
  #place(staged: string, operation: { path: BytePath; expect: string }): Entry {
    const target = this.#at(operation.path);
    const mine = fs.lstatSync(staged, { bigint: true });
    try {
      if (operation.expect === '-') {
        // A hard link never replaces: whatever came to be there meanwhile stays.
        fs.linkSync(staged, target);
        fs.unlinkSync(staged);
      } else {
        const keep = this.#trash.keep(target, operation.path, 'replaced');
        if (!keep.holds(operation.expect)) {
          keep.forget();
          throw new Refused('stale', 'It changed just now.');
        }
        fs.renameSync(staged, target);
        this.#trash.count(keep);
      }
    } catch (error) {
      fs.rmSync(staged, { force: true });
      if (codeOf(error) === 'EEXIST') throw new Refused('stale', 'Something is there already.');
      throw error;
    }
    const now = fs.lstatSync(target, { bigint: true, throwIfNoEntry: false });
    // Somebody wrote in the instant since: an entry that no scan will find, so that the next one looks.
    if (now?.ino !== mine.ino || now.size !== mine.size || now.mtimeNs !== mine.mtimeNs) {
      return { print: printOf(mine), target: '', racy: true };
    }
    return this.entry(operation.path) ?? { print: printOf(mine), target: '', racy: true };
  }

  #toTrash(at: BytePath, expect: string): void {
    const taken = this.#trash.take(this.#at(at), at, 'deleted');
    if (taken.holds(expect)) {
      this.#trash.count(taken);
      return;
    }
    taken.putBack(this.#at(at));
    throw new Refused('stale', 'It changed just now.');
  }

  #expect(at: BytePath, expect: string): void {
    const found = this.entry(at)?.print ?? '-';
    if (found !== expect) throw new Refused('stale', `It is ${found}, not ${expect}.`);
  }

  #hasParents(at: BytePath): boolean {
    try {
      this.#checkParents(at);
      return true;
    } catch (error) {
      if (error instanceof Refused && error.why === 'stale') return false;
      throw error;
    }
  }

  /** No write through a link: every folder above the path must be one, and no link to one. */
  #checkParents(at: BytePath): void {
    const fault = pathFault(at);
    if (fault !== undefined) throw new Refused('denied', `The path ${fault}.`);
    for (const folder of ancestorsOf(at)) {
      const entry = this.entry(folder);
      if (!entry || typeOf(entry) !== 'd') {
        throw new Refused('stale', `${nameOf(folder)} above it is no folder.`);
      }
    }
  }

  #whileStill<T>(
    at: BytePath,
    use: (file: number, entry: Entry, size: number) => T | undefined,
  ): T | undefined {
    const before = this.#hasParents(at) ? this.entry(at) : undefined;
    if (!before || typeOf(before) !== 'f') return undefined;
    const file = openOrUndefined(this.#at(at));
    if (file === undefined) return undefined;
    try {
      const opened = fs.fstatSync(file, { bigint: true });
      if (printOf(opened) !== before.print) return undefined;
      const result = use(file, before, Number(opened.size));
      return printOf(fs.fstatSync(file, { bigint: true })) === before.print ? result : undefined;
    } finally {
      fs.closeSync(file);
    }
  }

  #at(at: BytePath): Place {
    return placeOf(this.#root, at);
  }
}

const folderEntry: Entry = { print: 'd', target: '', racy: false };
