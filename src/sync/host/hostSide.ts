import * as fs from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { Disposable } from '../../base/disposable.ts';
import { abortable } from '../../base/abort.ts';
import { trustedRecord, type Entry } from '../entry.ts';
import { toBuffer, type BytePath } from '../path.ts';
import type { Rule } from '../patterns.ts';
import type { Operation, Outcome, ReadAnswer, ScanResult, Side, SideIdentity, WatchEvents } from '../side.ts';
import { workerFile } from '../files.ts';
import { ScanReader } from '../scanReader.ts';
import type { HostFolders } from './hostTree.ts';
import type { HostAnswer, HostNews, HostPart, HostRequest } from './hostWorker.ts';

/** Its garbage is short-lived: what V8 would let gather by itself is tens of MiB that nobody gets back. */
const workerLimits = { maxYoungGenerationSizeMb: 8 };

/** The workspace folder on the host, worked on by a thread of its own. */
export class HostSide implements Side, Disposable {
  readonly name = 'host';
  readonly identity: SideIdentity;
  readonly #root: string;
  readonly #worker: Worker;
  readonly #waiting: Waiting;
  /** Written since the last `settle`. */
  readonly #unsettled = new Set<BytePath>();

  private constructor(root: string, worker: Worker, waiting: Waiting, identity: SideIdentity) {
    this.#root = root;
    this.#worker = worker;
    this.#waiting = waiting;
    this.identity = identity;
  }

  /** @throws Error where the workspace folder is no folder */
  static async open(folders: HostFolders, signal: AbortSignal): Promise<HostSide> {
    const worker = new Worker(workerFile(), { workerData: folders, resourceLimits: workerLimits });
    const waiting = new Waiting(worker);
    try {
      const root = (await waiting.ask({ call: 'identity' }, signal)) as string | undefined;
      if (root === undefined) throw new Error(`${folders.root} is no folder.`);
      await waiting.ask({ call: 'clean' }, signal);
      return new HostSide(folders.root, worker, waiting, { root, boot: await bootOf() });
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  async scan(rules: readonly Rule[], signal: AbortSignal): Promise<ScanResult> {
    const reader = new ScanReader(trustedRecord, signal);
    const part = (data: Uint8Array): void =>
      reader.take(Buffer.from(data.buffer, data.byteOffset, data.length));
    const count = (await this.#waiting.ask({ call: 'scan', rules }, signal, part)) as number;
    return { entries: await reader.end(count) };
  }

  async stat(paths: readonly BytePath[], signal: AbortSignal): Promise<(Entry | undefined)[]> {
    return (await this.#waiting.ask({ call: 'stat', paths }, signal)) as (Entry | undefined)[];
  }

  async hash(
    paths: readonly BytePath[],
    signal: AbortSignal,
  ): Promise<({ entry: Entry; hash: string } | undefined)[]> {
    return (await this.#waiting.ask({ call: 'hash', paths }, signal)) as (
      { entry: Entry; hash: string } | undefined
    )[];
  }

  async read(paths: readonly BytePath[], signal: AbortSignal): Promise<ReadAnswer[]> {
    return (await this.#waiting.ask({ call: 'read', paths }, signal)) as ReadAnswer[];
  }

  async readPiece(
    request: { path: BytePath; print: string; offset: number },
    signal: AbortSignal,
  ): Promise<ReadAnswer> {
    return (await this.#waiting.ask({ call: 'readPiece', ...request }, signal)) as ReadAnswer;
  }

  async staged(id: string, signal: AbortSignal): Promise<number> {
    return (await this.#waiting.ask({ call: 'staged', id }, signal)) as number;
  }

  async stage(id: string, offset: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#waiting.ask({ call: 'stage', id, offset, data }, signal);
  }

  async apply(operations: readonly Operation[], signal: AbortSignal): Promise<Outcome[]> {
    for (const operation of operations) if (operation.do === 'file') this.#unsettled.add(operation.path);
    return (await this.#waiting.ask({ call: 'apply', operations }, signal)) as Outcome[];
  }

  async watch(rules: readonly Rule[], events: WatchEvents, signal: AbortSignal): Promise<void> {
    this.#waiting.events = events;
    await this.#waiting.ask({ call: 'watch', rules }, signal);
  }

  async heard(signal: AbortSignal): Promise<void> {
    await this.#waiting.ask({ call: 'heard' }, signal);
  }

  async settle(signal: AbortSignal): Promise<void> {
    const paths = [...this.#unsettled];
    this.#unsettled.clear();
    // Not in the worker, which has more urgent work while the disk takes its time.
    const one = async (): Promise<void> => {
      for (let at = paths.pop(); at !== undefined; at = paths.pop()) {
        signal.throwIfAborted();
        await writeThrough(Buffer.concat([Buffer.from(`${this.#root}/`), toBuffer(at)]));
      }
    };
    await Promise.all([one(), one(), one(), one()]);
  }

  dispose(): void {
    void this.#worker.terminate();
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

async function writeThrough(at: Buffer): Promise<void> {
  let file: fs.FileHandle;
  try {
    file = await fs.open(at, 'r');
  } catch (error) {
    // Gone or replaced since: then there is nothing of ours left to write through.
    if (
      ['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')
    )
      return;
    throw error;
  }
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

interface Open {
  readonly part: (data: Uint8Array) => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Matches answers to questions. */
class Waiting {
  events: WatchEvents | undefined;
  readonly #worker: Worker;
  readonly #open = new Map<number, Open>();
  #next = 1;
  #ended: Error | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (answer: HostAnswer | HostPart | HostNews) => {
      if ('news' in answer) {
        this.#tell(answer);
        return;
      }
      if ('part' in answer) {
        this.#open.get(answer.id)?.part(answer.part);
        return;
      }
      const waiting = this.#open.get(answer.id);
      this.#open.delete(answer.id);
      if (answer.error) waiting?.reject(answer.error);
      else waiting?.resolve(answer.value);
    });
    worker.on('error', (error) => this.#end(error));
    worker.on('exit', () => this.#end(new Error('The worker of the sync ended.')));
  }

  ask(
    request: HostRequest,
    signal: AbortSignal,
    part: (data: Uint8Array) => void = () => undefined,
  ): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#next++;
    const answer = new Promise<unknown>((resolve, reject) => this.#open.set(id, { part, resolve, reject }));
    this.#worker.postMessage({ id, request });
    return abortable(answer, signal);
  }

  #tell(news: HostNews): void {
    switch (news.news) {
      case 'paths':
        return this.events?.paths(news.paths);
      case 'anywhere':
        return this.events?.anywhere();
      case 'exhausted':
        return this.events?.exhausted();
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#open.values()) reject(this.#ended);
    this.#open.clear();
  }
}
