import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../base/log.ts';
import { hookNames, occasionOf, type HookName } from './plan.ts';

/** That a hook was run on an occasion, and how it went. */
export interface HookMarker {
  /** Identifies the creation, start or attachment that it was run for. */
  readonly occasion: string;
  /** Why it failed, as two sentences for a person; undefined where it went well. */
  readonly failed?: { readonly what: string; readonly why: string };
}

/** Where it is kept which hooks were run. */
export interface HookMarkers {
  read(): Promise<ReadonlyMap<HookName, HookMarker>>;
  write(hook: HookName, marker: HookMarker): Promise<void>;
}

/** Keeps markers in a JSON file, replaced by a rename. Its writers are serialised by the environment's queue. */
export class FileHookMarkers implements HookMarkers {
  readonly #file: string;
  readonly #log: Logger;

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  async read(): Promise<ReadonlyMap<HookName, HookMarker>> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return new Map();
    }
    try {
      const raw = JSON.parse(text) as Partial<Record<HookName, HookMarker>>;
      return new Map(
        hookNames.flatMap((hook): [HookName, HookMarker][] => {
          const marker = raw[hook];
          return typeof marker?.occasion === 'string' ? [[hook, marker]] : [];
        }),
      );
    } catch (error) {
      // Without markers the hooks run once more, which the spec asks them to bear.
      this.#log.warn(`${this.#file} cannot be read: the hooks count as not run. ${String(error)}`);
      return new Map();
    }
  }

  async write(hook: HookName, marker: HookMarker): Promise<void> {
    const markers = Object.fromEntries(await this.read());
    await mkdir(path.dirname(this.#file), { recursive: true });
    const temporary = `${this.#file}.${process.pid}.tmp`;
    await writeFile(temporary, JSON.stringify({ ...markers, [hook]: marker }));
    await rename(temporary, this.#file);
  }
}

/**
 * Keeps in memory what was run for an attachment, and everything else in a file that all windows share:
 * each window attaches by itself.
 */
export class WindowHookMarkers implements HookMarkers {
  readonly #shared: HookMarkers;
  readonly #own = new Map<HookName, HookMarker>();

  constructor(shared: HookMarkers) {
    this.#shared = shared;
  }

  async read(): Promise<ReadonlyMap<HookName, HookMarker>> {
    return new Map([...(await this.#shared.read()), ...this.#own]);
  }

  async write(hook: HookName, marker: HookMarker): Promise<void> {
    if (occasionOf(hook) === 'attach') this.#own.set(hook, marker);
    else await this.#shared.write(hook, marker);
  }
}
