import { randomUUID } from 'node:crypto';
import {
  chmod,
  chown,
  copyFile,
  lstat,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import type { Stats } from 'node:fs';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import { includeLine, withInclude, withoutInclude } from './includeLine.ts';

/** How often somebody else may write the file while we do. */
const attempts = 5;

/**
 * The person's own SSH configuration. Only our one line is put in or taken out, atomically, with a copy of
 * what was there before beside it.
 */
export class UserSshConfig {
  /** Absolute path, as the person knows it; perhaps a link. */
  readonly file: string;

  /** @param sshFolder absolute path of ~/.ssh */
  constructor(sshFolder: string) {
    this.file = path.join(sshFolder, 'config');
  }

  /** @throws SwitchyardError `ssh.config` where it may not or cannot be changed; it is then as it was */
  async include(): Promise<void> {
    await this.#change(withInclude);
  }

  /** @throws SwitchyardError `ssh.config` */
  async exclude(): Promise<void> {
    await this.#change(withoutInclude);
  }

  async #change(edit: (content: Buffer) => Buffer | undefined): Promise<void> {
    try {
      await mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
      for (let attempt = 0; attempt < attempts; attempt++) {
        const before = await this.#read();
        const next = edit(before?.content ?? Buffer.alloc(0));
        if (!next) return;
        if (await this.#replace(before, next)) return;
      }
      throw new Error(l10n.t('Another program writes it all the time.'));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Undefined where there is none. What a link points to is what is read and replaced. */
  async #read(): Promise<Found | undefined> {
    let file: string;
    try {
      file = await realpath(this.file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      if (await isThere(this.file))
        throw new Error(l10n.t('It is a link to a file that is not there.'), { cause: error });
      return undefined;
    }
    const info = await stat(file);
    if (!info.isFile()) throw new Error(l10n.t('It is not a file.'));
    return { file, info, content: await readFile(file) };
  }

  /** False where it is no longer what was read. */
  async #replace(before: Found | undefined, next: Buffer): Promise<boolean> {
    const file = before?.file ?? this.file;
    // Also for root, whom no mode keeps from writing: whoever took that right away meant it.
    if (before && (before.info.mode & 0o200) === 0) throw new Error(l10n.t('It is read-only.'));
    const temporary = `${file}.switchyard-${randomUUID()}`;
    try {
      await writeFile(temporary, next, { mode: 0o600, flag: 'wx' });
      if (before) {
        await chmod(temporary, before.info.mode & 0o7777);
        const own = await stat(temporary);
        if (own.uid !== before.info.uid || own.gid !== before.info.gid) {
          await chown(temporary, before.info.uid, before.info.gid);
        }
        await copyFile(file, `${file}.switchyard-backup`);
      }
      const now = await this.#read();
      const same = before ? now?.content.equals(before.content) === true : now === undefined;
      if (!same) return false;
      await rename(temporary, file);
      return true;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  #explain(error: unknown): SwitchyardError {
    return new SwitchyardError({
      code: 'ssh.config',
      what: l10n.t('Your SSH configuration {0} was not changed.', this.file),
      why: error instanceof Error ? error.message : String(error),
      next: l10n.t('Put the line "{0}" at its beginning yourself, or take it out.', includeLine),
      remedies: [{ do: 'openFile', file: this.file }, { do: 'retry' }],
      cause: error,
    });
  }
}

interface Found {
  readonly file: string;
  readonly info: Stats;
  readonly content: Buffer;
}

async function isThere(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}
