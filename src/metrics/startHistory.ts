import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Emitter } from '../base/event.ts';
import type { GuestKind } from '../base/kinds.ts';
import type { Logger } from '../base/log.ts';

/** What kind of start it was: made new, back from a snapshot, started from a halt, or resumed with its memory. */
export type StartHow = 'create' | 'restore' | 'start' | 'resume';

/** One measured start: from the command to the environment being ready for a terminal. */
export interface StartRecord {
  readonly how: StartHow;
  readonly durationMs: number;
  /** True where nothing had to be built or fetched. */
  readonly warmCache: boolean;
  /** When it began, ISO 8601 in UTC. */
  readonly at: string;
}

/** The figures of one environment's starts, newest last. */
export interface StartSummary {
  readonly last: StartRecord | undefined;
  /** Median in milliseconds of the starts of the same kind (`how`) as the last one. */
  readonly medianMs: number | undefined;
  /** How many starts the median is of. */
  readonly count: number;
  /** The last time it was made from nothing with a cold cache. */
  readonly firstBuild: StartRecord | undefined;
}

/** Starts kept for each kind. */
const kept = 50;

type History = Partial<Record<GuestKind, StartRecord[]>>;

/**
 * The start times of one project's environments, kept in a JSON file. Several windows may write: each
 * write reads the file anew and replaces it by a rename, so a reader never sees half a file.
 */
export class StartHistory {
  readonly #file: string;
  readonly #log: Logger;
  readonly #changed = new Emitter<GuestKind>();
  readonly onDidChange = this.#changed.event;
  #history: History = {};
  #writes: Promise<void> = Promise.resolve();

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** Reads the file. A missing file is an empty history; a broken one is too, and the log says so. */
  async load(): Promise<void> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return;
    }
    try {
      this.#history = parseHistory(text);
    } catch (error) {
      this.#log.warn(`${this.#file} cannot be read as a start history and is begun anew: ${String(error)}`);
      this.#history = {};
    }
  }

  /** Adds a start and writes the file. */
  async add(kind: GuestKind, record: StartRecord): Promise<void> {
    const write = this.#writes.then(async () => {
      await this.load();
      this.#history = { ...this.#history, [kind]: [...(this.#history[kind] ?? []), record].slice(-kept) };
      await mkdir(dirname(this.#file), { recursive: true });
      const temporary = `${this.#file}.${process.pid}.tmp`;
      await writeFile(temporary, JSON.stringify(this.#history));
      await rename(temporary, this.#file);
    });
    // A failed write is this caller's error; the next one starts afresh.
    this.#writes = write.catch(() => undefined);
    await write;
    this.#changed.fire(kind);
  }

  records(kind: GuestKind): readonly StartRecord[] {
    return this.#history[kind] ?? [];
  }

  summary(kind: GuestKind): StartSummary {
    const records = this.records(kind);
    const last = records.at(-1);
    const alike = records.filter((record) => record.how === last?.how).map((record) => record.durationMs);
    return {
      last,
      medianMs: median(alike),
      count: alike.length,
      firstBuild: records.findLast((record) => record.how === 'create' && !record.warmCache),
    };
  }

  /** How long the next start of this kind of start takes, by the median so far; undefined without any. */
  expectedMs(kind: GuestKind, how: StartHow): number | undefined {
    return median(
      this.records(kind)
        .filter((record) => record.how === how)
        .map((record) => record.durationMs),
    );
  }
}

/** The middle of the values, or the mean of the two in the middle; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}

function parseHistory(text: string): History {
  const raw: unknown = JSON.parse(text);
  if (typeof raw !== 'object' || raw === null) throw new TypeError('not an object');
  const history: History = {};
  for (const kind of ['container', 'vm'] as const) {
    const records = (raw as Record<string, unknown>)[kind];
    if (Array.isArray(records)) history[kind] = records.filter(isStartRecord).slice(-kept);
  }
  return history;
}

function isStartRecord(value: unknown): value is StartRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Partial<Record<keyof StartRecord, unknown>>;
  return (
    (record.how === 'create' || record.how === 'start' || record.how === 'resume') &&
    typeof record.durationMs === 'number' &&
    typeof record.warmCache === 'boolean' &&
    typeof record.at === 'string'
  );
}
