import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { randomBytes } from 'node:crypto';
import {
  appendDurably,
  checked,
  encode,
  inPieces,
  never,
  readRecords,
  readSnapshot,
  replace,
  replaceDurably,
  snapshotHead,
  summed,
} from './baselineFile.ts';
import type { BytePath } from './path.ts';
import { eachInSlices } from './slices.ts';
import type { Logger } from '../base/log.ts';

/** What both sides last agreed on at a path. */
export interface Base {
  /** The print that each side's entry had then. Type and exec bit are the same in both. */
  readonly host: string;
  readonly guest: string;
  /** sha256 of a file in hex; '' where it is not known yet. */
  readonly hash: string;
  /** Of a link, in bytes. */
  readonly target: string;
  /** The side's print does not prove its content: it changed too shortly before it was taken. */
  readonly hostRacy: boolean;
  readonly guestRacy: boolean;
  /**
   * Deleted on one side and still there on this one: a folder that holds something which is not synced,
   * or a git object, which only git deletes. It is not brought back.
   */
  readonly leftOn: 'host' | 'guest' | undefined;
}

/**
 * The baseline of one workspace with one guest: in memory, and on disk as a snapshot and a journal of
 * what changed since. Only what both sides hold for good is written to disk (`commit` after both
 * settled), so a crash of either side takes the baseline back to a state that was true; an older baseline
 * costs a comparison, one ahead of the truth would cost data.
 */
export class Baseline {
  readonly #folder: string;
  readonly #entries: Map<BytePath, Base>;
  /** Paths whose content was written so lately that their print does not prove it. */
  readonly racy = new Set<BytePath>();
  /** For every path that moved since the last commit, what the disk holds. */
  #uncommitted = new Map<BytePath, Base | undefined>();
  readonly identity: string;
  readonly #boots: string;
  #snapshotId = '';
  #journalRecords = 0;
  /** Moved since the last `note`. */
  #unnoted = new Set<BytePath>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(folder: string, identity: string, boots: string, entries: Map<BytePath, Base>) {
    this.#folder = folder;
    this.identity = identity;
    this.#boots = boots;
    this.#entries = entries;
    for (const [at, base] of entries) this.#noteRacy(at, base);
  }

  /**
   * What the folder holds for these two sides; empty where that is nothing, or is damaged.
   * @param boots changes when either side booted: what had not settled by then may be lost there
   */
  static async load(folder: string, identity: string, boots: string, log: Logger): Promise<Baseline> {
    await fs.mkdir(folder, { recursive: true });
    const stored = await readSnapshot(path.join(folder, 'baseline'), log);
    if (stored?.identity !== identity) {
      if (stored) log.info('Another guest or folder than last time: the sync begins anew.');
      const fresh = new Baseline(folder, identity, boots, new Map());
      // Not through to the disk: whatever a power cut leaves there belongs to others, or is this.
      await fresh.#writeSnapshot(new Map(), replace);
      await fresh.#writeUnsettled();
      return fresh;
    }
    const { entries, id } = stored;
    const journal = await readRecords(path.join(folder, 'journal'), id);
    if (journal?.cutOff) log.warn('The end of the sync journal is cut off; the rest counts.');
    for (const [at, base] of journal?.records ?? []) put(entries, at, base);
    const baseline = new Baseline(folder, identity, boots, entries);
    baseline.#snapshotId = id;
    baseline.#journalRecords = journal?.records.length ?? 0;
    const unsettled = await readRecords(path.join(folder, 'unsettled'), baseline.#unsettledHead());
    // A new snapshot: a cut-off tail must not be written on.
    await baseline.#writeSnapshot();
    await baseline.#writeUnsettled();
    for (const [at, base] of unsettled?.records ?? []) {
      if (base) baseline.set(at, base);
      else baseline.delete(at);
    }
    await baseline.note();
    return baseline;
  }

  get entries(): ReadonlyMap<BytePath, Base> {
    return this.#entries;
  }

  set(at: BytePath, base: Base): void {
    this.#remember(at);
    this.#entries.set(at, base);
    this.#noteRacy(at, base);
  }

  delete(at: BytePath): void {
    this.#remember(at);
    this.#entries.delete(at);
    this.racy.delete(at);
  }

  get hasUncommitted(): boolean {
    return this.#uncommitted.size > 0;
  }

  /**
   * Notes what moved since the last time, for a next session in the same boot of both sides: their
   * memories hold it, though their disks may not yet.
   */
  async note(): Promise<void> {
    if (this.#unnoted.size === 0) return;
    const paths = [...this.#unnoted];
    this.#unnoted.clear();
    await this.#inTurn(async () => {
      const handle = await fs.open(this.#file('unsettled'), 'a');
      try {
        await this.#writeRecords(handle, paths);
      } finally {
        await handle.close();
      }
    });
  }

  /** What `commit` would write now. Take it before the sides settle, so that nothing later slips in. */
  async pending(): Promise<ReadonlyMap<BytePath, Base | undefined>> {
    const pending = new Map<BytePath, Base | undefined>();
    await eachInSlices(this.#uncommitted.keys(), (at) => pending.set(at, this.#entries.get(at)), never);
    return pending;
  }

  /** Writes to disk what was pending, after both sides settled it. */
  async commit(pending: ReadonlyMap<BytePath, Base | undefined>): Promise<void> {
    if (pending.size === 0) return;
    await this.#inTurn(async () => {
      const isMuch = this.#journalRecords + pending.size > Math.max(1_000, this.#entries.size);
      if (isMuch) await this.#writeSnapshot(pending);
      else {
        const records = inPieces(pending, ([at, base]) => checked(at, base));
        await appendDurably(this.#file('journal'), records);
        this.#journalRecords += pending.size;
      }
      await eachInSlices(
        pending,
        ([at, base]) => {
          // Moved again since: what was written now is what the disk holds, and it stays uncommitted.
          if (this.#entries.get(at) === base) this.#uncommitted.delete(at);
          else this.#uncommitted.set(at, base);
        },
        never,
      );
      await this.#writeUnsettled();
    });
  }

  #noteRacy(at: BytePath, base: Base): void {
    if (base.hostRacy || base.guestRacy) this.racy.add(at);
    else this.racy.delete(at);
  }

  #remember(at: BytePath): void {
    this.#unnoted.add(at);
    if (!this.#uncommitted.has(at)) this.#uncommitted.set(at, this.#entries.get(at));
  }

  /**
   * A new snapshot of what is committed, and an empty journal. What moves while it is written is taken as
   * it was before: `#remember` keeps that.
   * @param pending what counts as committed from now on
   */
  async #writeSnapshot(
    pending: ReadonlyMap<BytePath, Base | undefined> = new Map(),
    write = replaceDurably,
  ): Promise<void> {
    const id = randomBytes(8).toString('hex');
    await write(this.#file('baseline'), summed(this.#snapshot(id, pending)));
    await write(this.#file('journal'), [Buffer.from(`${id}\0`, 'latin1')]);
    this.#snapshotId = id;
    this.#journalRecords = 0;
  }

  *#snapshot(id: string, pending: ReadonlyMap<BytePath, Base | undefined>): Generator<Buffer> {
    yield snapshotHead(id, this.identity);
    yield* inPieces(this.#entries, ([at, base]) =>
      this.#uncommitted.has(at) || pending.has(at) ? '' : encode(at, base),
    );
    yield* inPieces(pending, ([at, base]) => (base ? encode(at, base) : ''));
    yield* inPieces(this.#uncommitted, ([at, base]) => (base && !pending.has(at) ? encode(at, base) : ''));
  }

  async #writeUnsettled(): Promise<void> {
    const head = Buffer.from(`${this.#unsettledHead()}\0`, 'latin1');
    this.#unnoted.clear();
    const handle = await fs.open(this.#file('unsettled'), 'w');
    try {
      await handle.writeFile(head);
      await this.#writeRecords(handle, [...this.#uncommitted.keys()]);
    } finally {
      await handle.close();
    }
  }

  /** Ties what is unsettled to the very state on disk that it follows, and to both boots. */
  #unsettledHead(): string {
    return `${this.#snapshotId} ${this.#journalRecords} ${this.#boots}`;
  }

  async #writeRecords(file: fs.FileHandle, paths: readonly BytePath[]): Promise<void> {
    for (const piece of inPieces(paths, (at) => checked(at, this.#entries.get(at)))) {
      await file.writeFile(piece);
    }
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#writing.then(work, work);
    this.#writing = mine;
    return mine;
  }
}

function put(entries: Map<BytePath, Base>, at: BytePath, base: Base | undefined): void {
  if (base) entries.set(at, base);
  else entries.delete(at);
}
