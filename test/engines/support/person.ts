import * as fs from 'node:fs';
import * as path from 'node:path';

/** What came of something that a person did: what they knowingly did away with, and whether they came to the end of it. */
export interface Deed {
  /** False where the sync was quicker: what was to be changed was no longer what it had been. */
  readonly done: boolean;
  /** The contents that they saw and took out of the way, replaced or deleted. */
  readonly gone: readonly string[];
}

/**
 * Somebody who works in a folder while it is synced, and knows what they do: whatever they take out of the way
 * is exactly what was there, whatever the sync does meanwhile. Paths are relative, in UTF-8.
 */
export interface Person {
  /** A new file, in the place of whatever is there. @param lasting on the disk when it is done, as good editors do */
  write(at: string, version: string, lasting: boolean): Promise<Deed>;
  /** Another content in the same file. @param keepsTimes leaves its mtime as it was */
  overwrite(at: string, version: string, keepsTimes: boolean, lasting: boolean): Promise<Deed>;
  remove(at: string): Promise<Deed>;
  rename(from: string, to: string): Promise<Deed>;
  link(at: string, target: string): Promise<Deed>;
  mode(at: string, executable: boolean): Promise<Deed>;
  /** As `TwoFolders.tree`; empty where the sync was in the midst of it. */
  tree(): Promise<Record<string, string>>;
  /** Contents of the trash of the side. */
  trash(): Promise<readonly string[]>;
  /** Contents of what they ever took out of the way: what is there and nowhere else, they did away with. */
  graves(): Promise<readonly string[]>;
}

export interface Folders {
  readonly root: string;
  /** On the same file system, outside. */
  readonly graveyard: string;
  readonly tree: () => Record<string, string>;
  readonly trash: () => readonly string[];
}

const { O_RDWR, O_NOFOLLOW } = fs.constants;

/** A person in a folder of this computer. `guestPerson.py` is their like inside a machine. */
export class FolderPerson implements Person {
  readonly #folders: Folders;
  #graves = 0;

  constructor(folders: Folders) {
    this.#folders = folders;
    fs.mkdirSync(folders.graveyard);
  }

  write(at: string, version: string): Promise<Deed> {
    return this.#deed((gone) => {
      const file = this.#make(at, gone);
      fs.writeFileSync(file, version, { flag: 'wx' });
    });
  }

  overwrite(at: string, version: string, keepsTimes: boolean): Promise<Deed> {
    return this.#deed((gone) => {
      const file = fs.openSync(path.join(this.#folders.root, at), O_RDWR | O_NOFOLLOW);
      try {
        const { size, atime, mtime } = fs.fstatSync(file);
        const seen = Buffer.alloc(size);
        fs.readSync(file, seen, 0, size, 0);
        // Before the write: another name of the same file (the trash's) may hold the new one from here on.
        gone.push(seen.toString());
        fs.ftruncateSync(file, 0);
        fs.writeSync(file, version, 0);
        if (keepsTimes) fs.futimesSync(file, atime, mtime);
      } finally {
        fs.closeSync(file);
      }
    });
  }

  remove(at: string): Promise<Deed> {
    return this.#deed((gone) => this.#bury(at, gone));
  }

  rename(from: string, to: string): Promise<Deed> {
    return this.#deed((gone) => {
      const target = this.#make(to, gone);
      const source = path.join(this.#folders.root, from);
      if (fs.lstatSync(source).isDirectory()) fs.renameSync(source, target);
      else {
        // Like a rename, but it replaces nothing that came to be there just now.
        fs.linkSync(source, target);
        fs.unlinkSync(source);
      }
    });
  }

  link(at: string, target: string): Promise<Deed> {
    return this.#deed((gone) => {
      const file = path.join(this.#folders.root, at);
      if (fs.lstatSync(file, { throwIfNoEntry: false })) this.#bury(at, gone);
      fs.symlinkSync(target, file);
    });
  }

  mode(at: string, executable: boolean): Promise<Deed> {
    return this.#deed(() => {
      const file = path.join(this.#folders.root, at);
      if (fs.lstatSync(file).isFile()) fs.chmodSync(file, executable ? 0o755 : 0o644);
    });
  }

  tree(): Promise<Record<string, string>> {
    try {
      return Promise.resolve(this.#folders.tree());
    } catch (error) {
      if (!isRace(error)) throw error;
      return Promise.resolve({});
    }
  }

  trash(): Promise<readonly string[]> {
    return Promise.resolve(this.#folders.trash());
  }

  graves(): Promise<readonly string[]> {
    const found: string[] = [];
    readAll(this.#folders.graveyard, found);
    return Promise.resolve(found);
  }

  #make(at: string, gone: string[]): string {
    const file = path.join(this.#folders.root, at);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (fs.lstatSync(file, { throwIfNoEntry: false })) this.#bury(at, gone);
    return file;
  }

  #bury(at: string, gone: string[]): void {
    this.#graves += 1;
    const grave = path.join(this.#folders.graveyard, String(this.#graves));
    fs.renameSync(path.join(this.#folders.root, at), grave);
    readAll(grave, gone);
  }

  #deed(deed: (gone: string[]) => void): Promise<Deed> {
    const gone: string[] = [];
    try {
      deed(gone);
      return Promise.resolve({ done: true, gone });
    } catch (error) {
      if (!isRace(error)) throw error;
      return Promise.resolve({ done: false, gone });
    }
  }
}

function readAll(at: string, into: string[]): void {
  const stat = fs.lstatSync(at);
  if (stat.isDirectory()) for (const name of fs.readdirSync(at)) readAll(path.join(at, name), into);
  else if (stat.isFile()) into.push(fs.readFileSync(at, 'utf8'));
}

/** The sync was quicker. */
function isRace(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ENOENT', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOTEMPTY', 'EINVAL', 'ELOOP', 'EPERM'].includes(code);
}
