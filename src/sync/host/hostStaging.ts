import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { toBuffer, type BytePath } from '../path.ts';
import type { Operation } from '../side.ts';
import { executableMode, isZeros, writeFully } from './hostFiles.ts';
import { Refused } from './refused.ts';

/** How the names of large files begin, which come piece by piece, and resume. */
const largePrefix = 'large-';

/**
 * Where files and links are made before they come to their path, whole, by one rename. All calls block, as
 * those of `HostTree`.
 */
export class HostStaging {
  readonly #folder: string;

  /** @param folder absolute path, on the workspace's file system where that can be */
  constructor(folder: string) {
    this.#folder = folder;
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Removes what an earlier run left behind half-way, but for large files. */
  clean(): void {
    for (const name of fs.readdirSync(this.#folder)) {
      if (!name.startsWith(largePrefix)) fs.rmSync(this.#at(name), { recursive: true });
    }
  }

  /** How many bytes of a large file are there. */
  size(id: string): number {
    return fs.statSync(this.#at(id), { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Writes a piece of a large file; what was there behind it goes. */
  write(id: string, offset: number, data: Uint8Array): void {
    const file = fs.openSync(this.#at(id), fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o666);
    try {
      fs.ftruncateSync(file, offset);
      // A hole stays one: nobody has the room for all the zeros of a disk image.
      if (isZeros(data)) fs.ftruncateSync(file, offset + data.length);
      else writeFully(file, data, offset);
    } finally {
      fs.closeSync(file);
    }
  }

  /** The file that is to come to its path. @throws Refused where a large one is not all there */
  file({ content, executable }: Extract<Operation, { do: 'file' }>): string {
    if ('data' in content) return this.#whole(content.data, executable);
    const staged = this.#at(content.staged);
    if (this.size(content.staged) !== content.size) throw new Refused('stale', 'The file is not all there.');
    if (executable) fs.chmodSync(staged, executableMode(fs.statSync(staged).mode));
    return staged;
  }

  /** The link that is to come to its path. */
  link(target: BytePath): string {
    const staged = this.#new('link');
    fs.symlinkSync(toBuffer(target), staged);
    return staged;
  }

  #whole(data: Uint8Array, executable: boolean): string {
    const staged = this.#new('file');
    const file = fs.openSync(staged, 'wx', executable ? 0o777 : 0o666);
    try {
      writeFully(file, data, 0);
    } catch (error) {
      fs.rmSync(staged);
      throw error;
    } finally {
      fs.closeSync(file);
    }
    return staged;
  }

  #new(what: string): string {
    return this.#at(`${what}-${randomBytes(8).toString('hex')}`);
  }

  #at(name: string): string {
    return path.join(this.#folder, name);
  }
}
