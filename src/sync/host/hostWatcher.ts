import * as fs from 'node:fs';
import type { BytePath } from '../path.ts';
import type { PathRules } from '../patterns.ts';
import type { WatchEvents } from '../side.ts';
import { listed, placeOf, type Place } from './hostFiles.ts';

/** Undefined for nothing, also where a folder above it became a file meanwhile, or may not be entered. */
function look(place: Place): fs.BigIntStats | undefined {
  try {
    return fs.lstatSync(place, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (['ENOTDIR', 'EACCES', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}

interface Watched {
  readonly watcher: fs.FSWatcher;
  readonly inode: bigint;
}

/**
 * Watches a folder and all below it, each by a watch of its own: first the watch, then the list, so
 * that nothing made in between is missed. (The recursive watch of Node takes one watch a file on Linux,
 * and loses events in silence; elsewhere the system's own recursive watch is used.)
 */
export class HostWatcher {
  readonly #root: string;
  readonly #rules: PathRules;
  readonly #events: WatchEvents;
  readonly #watched = new Map<BytePath, Watched>();
  #gathered = new Set<BytePath>();
  #telling: NodeJS.Immediate | undefined;
  #recursive: fs.FSWatcher | undefined;
  #ended = false;

  constructor(root: string, rules: PathRules, events: WatchEvents) {
    this.#root = root;
    this.#rules = rules;
    this.#events = events;
    if (process.platform === 'linux') this.#watchFolder('', false);
    else this.#watchAll();
  }

  /** Number of watches taken. */
  get watches(): number {
    return this.#watched.size + (this.#recursive ? 1 : 0);
  }

  close(): void {
    this.#ended = true;
    clearImmediate(this.#telling);
    this.#recursive?.close();
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  #watchAll(): void {
    this.#recursive = fs.watch(this.#root, { recursive: true, encoding: 'buffer' }, (_event, name) => {
      if (name === null) this.#events.anywhere();
      else this.#tell(name.toString('latin1').replaceAll('\\', '/'));
    });
    this.#recursive.on('error', () => this.#exhausted());
  }

  /** @param tell whether what is found counts as news */
  #watchFolder(folder: BytePath, tell: boolean): void {
    const pending = [folder];
    for (let at = pending.pop(); at !== undefined && !this.#ended; at = pending.pop()) {
      for (const inner of this.#watchOne(at, tell)) {
        if (tell) this.#tell(inner.path);
        if (inner.isFolder) pending.push(inner.path);
      }
    }
  }

  /**
   * Watches one folder; what is in it, or nothing where it is watched already or gone.
   * @param files whether files are asked for as well as folders
   */
  #watchOne(at: BytePath, files: boolean): { path: BytePath; isFolder: boolean }[] {
    const place = this.#place(at);
    const stat = look(place);
    const known = this.#watched.get(at);
    if (known && stat?.ino === known.inode) return [];
    if (known) this.#forget(at);
    if (!stat?.isDirectory()) return [];
    try {
      const watcher = fs.watch(place, { encoding: 'buffer' }, (event, name) => this.#hear(at, event, name));
      // The folder itself went away: its parent's watch tells of that.
      watcher.on('error', () => this.#forget(at));
      this.#watched.set(at, { watcher, inode: stat.ino });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return [];
      if (code === 'ENOSPC' || code === 'EMFILE') this.#exhausted();
      // Not to be read: the scan reports it.
      else if (code !== 'EACCES') throw error;
      return [];
    }
    try {
      const inner: { path: BytePath; isFolder: boolean }[] = [];
      for (const item of listed(place)) {
        const isFolder = item.isDirectory();
        if (!files && !isFolder) continue;
        const path = at === '' ? item.name : `${at}/${item.name}`;
        if (!this.#rules.names(path, isFolder)) inner.push({ path, isFolder });
      }
      return inner;
    } catch {
      // Gone again, or not to be read; a scan tells which.
      this.#events.anywhere();
      return [];
    }
  }

  #hear(folder: BytePath, event: string, name: Buffer | null): void {
    if (this.#ended) return;
    if (name === null) {
      this.#events.anywhere();
      return;
    }
    const text = name.toString('latin1');
    const path = folder === '' ? text : `${folder}/${text}`;
    if (event === 'rename') {
      const isFolder = look(this.#place(path))?.isDirectory() ?? false;
      if (this.#rules.names(path, isFolder)) return;
      if (!isFolder && this.#watched.has(path)) this.#forget(path);
      this.#tell(path);
      if (isFolder) this.#watchFolder(path, true);
      return;
    }
    if (!this.#rules.names(path, false)) this.#tell(path);
  }

  #forget(folder: BytePath): void {
    const prefix = `${folder}/`;
    for (const [at, { watcher }] of this.#watched) {
      if (at !== folder && !at.startsWith(prefix)) continue;
      watcher.close();
      this.#watched.delete(at);
    }
  }

  #tell(path: BytePath): void {
    this.#gathered.add(path);
    this.#telling ??= setImmediate(() => {
      this.#telling = undefined;
      const paths = [...this.#gathered];
      this.#gathered = new Set();
      if (!this.#ended) this.#events.paths(paths);
    });
  }

  #exhausted(): void {
    if (this.#ended) return;
    this.close();
    this.#events.exhausted();
  }

  #place(at: BytePath): Place {
    return placeOf(this.#root, at);
  }
}
