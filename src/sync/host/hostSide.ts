import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Disposable } from '../../base/disposable.ts';
import { trustedRecord, type Entry } from '../entry.ts';
import type { BytePath } from '../path.ts';
import type { Rule } from '../patterns.ts';
import type {
  FilePiece,
  Operation,
  Outcome,
  Piece,
  ReadAnswer,
  ScanResult,
  Side,
  SideIdentity,
  WatchEvents,
} from '../side.ts';
import { ScanReader } from '../scanReader.ts';
import { isNothingToRead, placeOf, readFlags, type Place } from './hostFiles.ts';
import { printOf } from './hostScan.ts';
import { HostThread } from './hostThread.ts';
import type { HostFolders } from './hostTree.ts';

/** The workspace folder on the host, worked on by a thread of its own. */
export class HostSide implements Side, Disposable {
  readonly name = 'host';
  readonly identity: SideIdentity;
  readonly #root: string;
  readonly #staging: string;
  readonly #thread: HostThread;
  #ahead: Promise<ScanResult> | undefined;
  /** Written since the last `settle`. */
  readonly #unsettled = new Set<BytePath>();

  private constructor({ root, staging }: HostFolders, thread: HostThread, identity: SideIdentity) {
    this.#root = root;
    this.#staging = staging;
    this.#thread = thread;
    this.identity = identity;
  }

  /**
   * @param thread a new one, which is this side's from now on
   * @throws Error where the workspace folder is no folder
   */
  static async open(folders: HostFolders, signal: AbortSignal, thread = new HostThread()): Promise<HostSide> {
    try {
      const root = (await thread.ask({ call: 'open', folders }, signal)) as string | undefined;
      if (root === undefined) throw new Error(`${folders.root} is no folder.`);
      return new HostSide(folders, thread, { root, boot: await bootOf() });
    } catch (error) {
      thread.dispose();
      throw error;
    }
  }

  /**
   * Begins already what the next `scan` is asked for, while the other side is not there yet. It counts for nothing
   * once there is a watch: what that tells are changes of what was seen later.
   * @param seen told of each entry as it is found
   */
  scanAhead(rules: readonly Rule[], seen: (entry: Entry) => void, signal: AbortSignal): void {
    const found = this.#scan(
      rules,
      (...record) => {
        const entry = trustedRecord(...record);
        seen(entry);
        return entry;
      },
      new Map(),
      signal,
    );
    // Told by the scan that takes it.
    found.catch(() => undefined);
    this.#ahead = found;
  }

  async scan(
    rules: readonly Rule[],
    signal: AbortSignal,
    known: ReadonlyMap<BytePath, Entry> = new Map(),
  ): Promise<ScanResult> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead ?? this.#scan(rules, trustedRecord, known, signal);
  }

  async #scan(
    rules: readonly Rule[],
    read: typeof trustedRecord,
    known: ReadonlyMap<BytePath, Entry>,
    signal: AbortSignal,
  ): Promise<ScanResult> {
    const reader = new ScanReader(read, known, signal);
    const part = (data: Uint8Array): void =>
      reader.take(Buffer.from(data.buffer, data.byteOffset, data.length));
    const count = (await this.#thread.ask({ call: 'scan', rules }, signal, part)) as number;
    return { entries: await reader.end(count) };
  }

  async stat(paths: readonly BytePath[], signal: AbortSignal): Promise<(Entry | undefined)[]> {
    return (await this.#thread.ask({ call: 'stat', paths }, signal)) as (Entry | undefined)[];
  }

  async hash(
    paths: readonly BytePath[],
    signal: AbortSignal,
  ): Promise<({ entry: Entry; hash: string } | undefined)[]> {
    return (await this.#thread.ask({ call: 'hash', paths }, signal)) as (
      { entry: Entry; hash: string } | undefined
    )[];
  }

  async read(paths: readonly BytePath[], signal: AbortSignal): Promise<ReadAnswer[]> {
    return (await this.#thread.ask({ call: 'read', paths }, signal)) as ReadAnswer[];
  }

  async readPiece(request: Piece, signal: AbortSignal): Promise<FilePiece | undefined> {
    return (await this.#thread.ask({ call: 'readPiece', ...request }, signal)) as FilePiece | undefined;
  }

  async staged(id: string, signal: AbortSignal): Promise<number> {
    return (await this.#thread.ask({ call: 'staged', id }, signal)) as number;
  }

  async stage(id: string, offset: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#thread.ask({ call: 'stage', id, offset, data }, signal);
  }

  async apply(operations: readonly Operation[], signal: AbortSignal): Promise<Outcome[]> {
    for (const operation of operations) if (operation.do === 'file') this.#unsettled.add(operation.path);
    return (await this.#thread.ask({ call: 'apply', operations }, signal)) as Outcome[];
  }

  /** Opens a file for reading that must have this print; undefined where it has not. The caller closes it. */
  async openFile(at: BytePath, print: string): Promise<fs.FileHandle | undefined> {
    const file = await openToRead(placeOf(this.#root, at));
    if (file && printOf(await file.stat({ bigint: true })) === print) return file;
    await file?.close();
    return undefined;
  }

  /** Opens a staged large file for reading and writing; made where there is none. The caller closes it. */
  async openStaged(id: string): Promise<fs.FileHandle> {
    const { O_RDWR, O_CREAT } = fs.constants;
    return fs.open(path.join(this.#staging, id), O_RDWR | O_CREAT, 0o666);
  }

  async watch(rules: readonly Rule[], events: WatchEvents, signal: AbortSignal): Promise<void> {
    this.#ahead = undefined;
    this.#thread.events = events;
    await this.#thread.ask({ call: 'watch', rules }, signal);
  }

  async heard(signal: AbortSignal): Promise<void> {
    await this.#thread.ask({ call: 'heard' }, signal);
  }

  async settle(signal: AbortSignal): Promise<void> {
    const paths = [...this.#unsettled];
    this.#unsettled.clear();
    // Not in the worker, which has more urgent work while the disk takes its time.
    const one = async (): Promise<void> => {
      for (let at = paths.pop(); at !== undefined; at = paths.pop()) {
        signal.throwIfAborted();
        await writeThrough(placeOf(this.#root, at));
      }
    };
    await Promise.all([one(), one(), one(), one()]);
  }

  dispose(): void {
    this.#thread.dispose();
  }
}

/** Which boot of this computer it is. Where the kernel does not tell, every run counts as another. */
async function bootOf(): Promise<string> {
  try {
    return (await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return `process ${process.pid} ${Date.now()}`;
  }
}

async function writeThrough(at: Place): Promise<void> {
  const file = await openToRead(at);
  // Gone or replaced since: then there is nothing of ours left to write through.
  try {
    await file?.sync();
  } finally {
    await file?.close();
  }
}

/** Undefined where there is nothing at that path, or something that is not to be read. */
async function openToRead(at: Place): Promise<fs.FileHandle | undefined> {
  try {
    return await fs.open(at, readFlags);
  } catch (error) {
    if (isNothingToRead(error)) return undefined;
    throw error;
  }
}
