import { spawn } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/log.ts';
import { sizeOf, type Entry } from './entry.ts';
import { toBuffer, type BytePath } from './path.ts';
import { blocking, type Unpacker, type Unpacking } from './unpacker.ts';

/** Something new for the guest. */
export interface NewEntry {
  readonly path: BytePath;
  readonly source: Entry;
}

/** Told of files and bytes as they are sent. */
export type Count = (files: number, bytes: number) => void;

/** The host's end of a stream. */
interface Packing extends Disposable {
  /** Rejects where it cannot begin, or what it gives cannot be passed on. */
  readonly over: Promise<unknown>;
  /** The end of what it complained of. */
  said(): string;
}

/** In bytes. */
const recordSize = blocking * 512;
/** After how many records tar says how far it is: a MiB. */
const saidEvery = 16;
const progressLine = /^[^\n]*: (\d+)\n/gm;

/** A stream of tar out of the folder `root` on the host into a new folder in the guest. */
export class TarStream {
  readonly #root: string;
  readonly #unpacker: Unpacker;
  readonly #log: Logger;

  constructor(root: string, unpacker: Unpacker, log: Logger) {
    this.#root = root;
    this.#unpacker = unpacker;
    this.#log = log;
  }

  /**
   * Sends these, in their order.
   * @param to absolute path of the folder in the guest, which is made; whether to go by a way of its own, where there is one
   * @param packed called once all of them were read
   * @returns what that gave; undefined where the guest could not take it
   */
  async send<T extends object>(
    entries: readonly NewEntry[],
    to: { readonly folder: string; readonly apart: boolean },
    count: Count,
    packed: () => T,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const names = toBuffer(entries.map(({ path }) => `./${path}\0`).join(''));
    const counter = new Counter(entries, count);
    let [unpacking, packing]: [Unpacking?, Packing?] = [];
    try {
      unpacking = await this.#unpacker.start(to, signal);
      packing = this.#pack(names, unpacking, counter, signal);
      await packing.over;
      const given = packed();
      const { code, said } = await unpacking.exit;
      signal.throwIfAborted();
      counter.end();
      if (code === 0) return given;
      this.#log.warn(`Sync: the guest's tar ended with ${code ?? 'no code'}: ${said} ${packing.said()}`);
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn(`Sync: no stream of tar: ${String(error)} ${packing?.said() ?? ''}`);
    } finally {
      packing?.dispose();
      unpacking?.dispose();
    }
    return undefined;
  }

  /** The host's end. What it writes goes past this process where the other end is a pipe. */
  #pack(names: Buffer, { stdin, isPipe }: Unpacking, counter: Counter, signal: AbortSignal): Packing {
    // Folders are named without what is in them, which is listed by itself.
    const args = ['-c', '-b', String(blocking), '-f', '-', '--no-recursion', '--null', '-T', '-'];
    // By the environment: another tar than GNU's takes no notice, and says nothing before its end.
    const options = isPipe ? `--checkpoint=${saidEvery} --checkpoint-action=echo=%u` : '';
    const child = spawn('tar', args, {
      cwd: this.#root,
      env: { ...process.env, LC_ALL: 'C', TAR_OPTIONS: options },
      signal,
      stdio: ['pipe', isPipe ? stdin : 'pipe', 'pipe'],
    });
    const began = new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    const listed = child.stdin ? pipeline([names], child.stdin) : undefined;
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).replace(progressLine, (_line, records: string) => {
        counter.reach(Number(records) * recordSize);
        return '';
      });
      said = said.slice(-1_000);
    });
    // Beside the pipe and not in it: one more stream would cost a sixth of this process's work.
    child.stdout?.on('data', (chunk: Buffer) => counter.pass(chunk.length));
    const piped = child.stdout ? pipeline(child.stdout, stdin, { signal }) : undefined;
    // tar has its own end of it now; ended instead of let go of, it would be ended there too.
    if (!child.stdout) stdin.destroy();
    return {
      over: Promise.all([began, listed, piped]),
      said: () => said,
      dispose: () => child.kill(),
    };
  }
}

/** Tells of bytes as they pass; how many files that is, is an estimate until the end. */
class Counter {
  readonly #files: number;
  readonly #bytes: number;
  readonly #count: Count;
  #passed = 0;
  #told = 0;

  constructor(entries: readonly NewEntry[], count: Count) {
    this.#files = entries.length;
    this.#bytes = entries.reduce((sum, { source }) => sum + sizeOf(source), 0);
    this.#count = count;
  }

  /** So many bytes of the stream more. */
  pass(length: number): void {
    this.reach(this.#passed + length);
  }

  /** So many bytes of the stream in all. */
  reach(passed: number): void {
    // What tar says may come when all is over.
    if (passed <= this.#passed) return;
    const before = Math.min(this.#bytes, this.#passed);
    this.#passed = passed;
    const share = Math.min(1, passed / Math.max(1, this.#bytes + 1_024 * this.#files));
    const more = Math.floor(this.#files * share) - this.#told;
    this.#told += more;
    this.#count(more, Math.min(this.#bytes, passed) - before);
  }

  end(): void {
    this.#count(this.#files - this.#told, this.#bytes - Math.min(this.#bytes, this.#passed));
    this.#passed = Infinity;
  }
}
