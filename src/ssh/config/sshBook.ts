import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { GuestKind } from '../../base/kinds.ts';
import type { Logger } from '../../base/log.ts';
import { aliasOf, renderConfig, renderKnownHosts, type SshEntry } from './entry.ts';
import { UserSshConfig } from './userConfig.ts';

/**
 * The environments that are SSH hosts of this computer: a folder of our own beside the person's SSH
 * configuration, which includes the file in it. Each alias has a folder, and the file is made of all of
 * them, so that windows that write at the same time lose nothing of each other's.
 */
export class SshBook {
  readonly #folder: string;
  readonly #user: UserSshConfig;
  readonly #log: Logger;

  /** @param sshFolder absolute path of ~/.ssh */
  constructor(sshFolder: string, log: Logger) {
    this.#folder = path.join(sshFolder, 'switchyard');
    this.#user = new UserSshConfig(sshFolder);
    this.#log = log;
  }

  /** Absolute path of our own file. */
  get configFile(): string {
    return path.join(this.#folder, 'config');
  }

  /** The alias of this project's environment: the one that it has, else a new one that nobody has. */
  async aliasFor(project: { readonly id: string; readonly name: string }, kind: GuestKind): Promise<string> {
    const entries = await this.entries();
    const known = entries.find((entry) => entry.projectId === project.id && entry.kind === kind);
    if (known) return known.alias;
    const plain = aliasOf(project.name, kind);
    const isTaken = entries.some((entry) => entry.alias === plain);
    return isTaken ? aliasOf(project.name, kind, project.id.slice(0, 6)) : plain;
  }

  /** A folder for what belongs to an alias. */
  async folderOf(alias: string): Promise<string> {
    const folder = path.join(this.#folder, alias);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /**
   * The key that our own server for this alias shows, made at the first call; it stays when the environment
   * is made anew, since it stands for the alias on this computer.
   */
  async hostKey(alias: string): Promise<{ readonly file: string; readonly publicKey: string }> {
    const file = path.join(await this.folderOf(alias), 'host_ed25519');
    const known = await readIfThere(`${file}.pub`);
    if (known !== undefined) return { file, publicKey: known.trim() };
    // Lazily: ssh2 is heavy, and a key is made seldom.
    const { default: ssh2 } = await import('ssh2');
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment: alias });
    await replaceFile(file, pair.private);
    await replaceFile(`${file}.pub`, `${pair.public}\n`);
    return { file, publicKey: pair.public };
  }

  /** Writes an entry down and makes it known to `ssh`. @throws SwitchyardError `ssh.config` */
  async put(entry: SshEntry): Promise<void> {
    // What cannot be written is found out before anything is.
    renderConfig([entry], this.#knownHosts);
    const folder = await this.folderOf(entry.alias);
    await replaceFile(path.join(folder, 'entry.json'), JSON.stringify(entry, undefined, 2));
    await this.#render();
    await this.#user.include();
  }

  /** Takes every entry of this project away, or of all. @throws SwitchyardError `ssh.config` */
  async remove(projectId?: string): Promise<void> {
    for (const { alias } of (await this.entries()).filter(
      (entry) => projectId === undefined || entry.projectId === projectId,
    )) {
      await rm(path.join(this.#folder, alias), { recursive: true, force: true });
    }
    if ((await this.entries()).length > 0) {
      await this.#render();
      return;
    }
    await this.#user.exclude();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** By alias. What cannot be read is left out and logged. */
  async entries(): Promise<readonly SshEntry[]> {
    const entries: SshEntry[] = [];
    for (const name of await readdir(this.#folder).catch((error: unknown) => none(error))) {
      const text = await readIfThere(path.join(this.#folder, name, 'entry.json'));
      if (text === undefined) continue;
      try {
        const entry = JSON.parse(text) as Partial<SshEntry>;
        if (entry.version === 1 && entry.alias === name) entries.push(entry as SshEntry);
      } catch (error) {
        this.#log.warn(`The SSH entry ${name} cannot be read: ${String(error)}`);
      }
    }
    return entries.sort((one, other) => one.alias.localeCompare(other.alias, 'en'));
  }

  get #knownHosts(): string {
    return path.join(this.#folder, 'known_hosts');
  }

  /** Until what was written is what there is: another window may have written in between. */
  async #render(): Promise<void> {
    for (let entries = await this.entries(), known = ''; ; entries = await this.entries()) {
      const config = renderConfig(entries, this.#knownHosts);
      if (config === known && (await readIfThere(this.configFile)) === config) return;
      await replaceFile(this.#knownHosts, renderKnownHosts(entries));
      await replaceFile(this.configFile, config);
      known = config;
    }
  }
}

/** Replaces a file of our own by a rename, readable by its owner only. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, file);
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function none(error: unknown): string[] {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
  throw error;
}
