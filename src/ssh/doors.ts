import path from 'node:path';
import { hopArguments } from '../engines/sshDial.ts';
import type { Environment, EnvironmentAccess } from '../environments/environment.ts';
import type { DoorFile } from './doorFile.ts';
import type { SharedOverSsh, SshEntry } from './config/entry.ts';
import { replaceFile, type SshBook } from './config/sshBook.ts';

/** The program that is the SSH server of a container, for a ProxyCommand. */
export interface ProxyProgram {
  /** Absolute path of a Node.js, or of an editor that is one when it is told so by `env`. */
  readonly node: string;
  /** Absolute path of dist/ssh/proxy.cjs. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Makes environments SSH hosts of this computer. */
export class Doors {
  readonly book: SshBook;
  readonly #proxy: ProxyProgram;

  constructor(book: SshBook, proxy: ProxyProgram) {
    this.book = book;
    this.#proxy = proxy;
  }

  /**
   * Writes down how `ssh` gets into a running environment, and answers that. What was written before for
   * the same environment is replaced.
   * @param start whether a stopped environment is started by whoever connects
   * @throws SwitchyardError `ssh.config`, or as `Environment.access` does
   */
  async open(
    environment: Environment,
    access: EnvironmentAccess,
    options: { readonly start: boolean; readonly shares?: SharedOverSsh | undefined },
  ): Promise<SshEntry> {
    const { project, kind } = environment;
    const alias = await this.book.aliasFor(project, kind);
    const common = {
      version: 1,
      alias,
      projectId: project.id,
      projectName: project.name,
      projectFolder: project.folder,
      kind,
      user: access.user,
      workspaceFolder: access.workspaceFolder,
      ...(options.shares ? { shares: options.shares } : {}),
    } as const;
    let entry: SshEntry;
    if (access.by === 'ssh') {
      const { host, port, identityFile, hostKeys, through } = access;
      const carrier = through ? { carrier: ['ssh', ...hopArguments(through, host, port)] } : {};
      const start = options.start && access.start ? { start: access.start } : {};
      entry = { ...common, hostKeys, way: { by: 'tcp', host, port, identityFile, ...carrier, ...start } };
    } else {
      const key = await this.book.hostKey(alias);
      const file = path.join(await this.book.folderOf(alias), 'door.json');
      const door: DoorFile = {
        version: 1,
        name: `Container of ${project.name}`,
        engine: access.engine,
        ...(access.tlsFolder === undefined ? {} : { tlsFolder: access.tlsFolder }),
        containerId: access.containerId,
        labels: access.labels,
        user: access.user,
        env: access.env,
        start: options.start,
        hostKeyFile: key.file,
      };
      await replaceFile(file, JSON.stringify(door, undefined, 2));
      const { node, script, env } = this.#proxy;
      const { containerName } = access;
      entry = {
        ...common,
        containerName,
        hostKeys: [key.publicKey],
        way: { by: 'proxy', argv: [node, script, file], env },
      };
    }
    await this.book.put(entry);
    return entry;
  }

  /** Writes anew what sessions of an environment may use; does nothing where it is no SSH host yet. */
  async share(environment: Environment, shares: SharedOverSsh | undefined): Promise<void> {
    const { project, kind } = environment;
    const known = (await this.book.entries()).find(
      (entry) => entry.projectId === project.id && entry.kind === kind,
    );
    if (!known) return;
    const { shares: before, ...entry } = known;
    if (JSON.stringify(before) === JSON.stringify(shares)) return;
    await this.book.put({ ...entry, ...(shares ? { shares } : {}) });
  }
}
