import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Disposable } from '../base/disposable.ts';
import { makeOwnedFolder, sweepOwnedFolders } from '../base/ownedFolder.ts';

/** How a folder with known keys begins. */
const prefix = 'switchyard-ssh-';

/** Once a process is enough: what processes left that were killed is old by then. */
let swept: Promise<void> | undefined;

/** The keys of one machine, in a file of its own as `ssh` reads it. */
export class KnownHosts implements Disposable {
  readonly #text: string;
  /** Made when first needed. */
  #folder: string | undefined;

  /**
   * @param alias by which the machine stands in the file
   * @param keys its public keys, each as `type base64`
   */
  constructor(alias: string, keys: readonly string[]) {
    this.#text = keys.map((key) => `${alias} ${key.trim()}\n`).join('');
  }

  /** Absolute path. */
  file(): string {
    this.#folder ??= makeFolder();
    const file = path.join(this.#folder, 'known_hosts');
    writeFileSync(file, this.#text, { mode: 0o600 });
    return file;
  }

  dispose(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

function makeFolder(): string {
  const whole = path.join(tmpdir(), prefix);
  // No connection waits for it, and what cannot be removed now is left to the next process.
  swept ??= sweepOwnedFolders(whole).catch(() => undefined);
  return makeOwnedFolder(whole);
}
