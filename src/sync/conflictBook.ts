import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { fromText, type BytePath } from './path.ts';
import type { SyncConflict } from './liveSync.ts';
import type { Trees } from './transferBook.ts';

/** The conflicts nobody has resolved yet. On disk, because a person may take days. */
export class ConflictBook {
  readonly #file: string;
  #conflicts: SyncConflict[] = [];
  #saving: Promise<void> = Promise.resolve();

  constructor(stateFolder: string) {
    this.#file = path.join(stateFolder, 'conflicts.json');
  }

  get all(): readonly SyncConflict[] {
    return this.#conflicts;
  }

  async load(): Promise<void> {
    try {
      const stored = JSON.parse(await fs.readFile(this.#file, 'utf8')) as {
        path: string;
        copy: string;
        since: string;
      }[];
      this.#conflicts = stored.map((one) => ({ ...one, since: new Date(one.since) }));
    } catch (error) {
      // The copies lie in the tree; a list that is gone or damaged loses nothing but its entries.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !(error instanceof SyntaxError)) throw error;
    }
  }

  /** Adds what was found; one whose copy somebody deleted or renamed is resolved. */
  async update(found: readonly SyncConflict[], { host, guest }: Trees): Promise<void> {
    const before = this.#conflicts;
    const here = (copy: BytePath): boolean => host.has(copy) || guest.has(copy);
    this.#conflicts = [...before.filter(({ copy }) => here(fromText(copy))), ...found];
    if (found.length > 0 || this.#conflicts.length < before.length) await this.#save();
  }

  async remove(copy: string): Promise<void> {
    this.#conflicts = this.#conflicts.filter((conflict) => conflict.copy !== copy);
    await this.#save();
  }

  async #save(): Promise<void> {
    const write = async (): Promise<void> => {
      const next = `${this.#file}.next`;
      await fs.writeFile(next, JSON.stringify(this.#conflicts, undefined, 1));
      await fs.rename(next, this.#file);
    };
    // One at a time; each writes the list as it is by then.
    this.#saving = this.#saving.then(write, write);
    await this.#saving;
  }
}
