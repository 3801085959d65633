import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../base/log.ts';
import { configFingerprint, liveConfig } from '../../config/fingerprint.ts';
import type { MergedConfiguration, UpResult } from '../../engines/devcontainerCli.ts';
import type { WorkspaceAccess } from './workspaceAccess.ts';

/**
 * What is known about the project's container beyond what the engine knows: how it was made, and what the
 * config said then. It makes coming back to a known container a matter of the engine alone.
 */
export interface ContainerRecord {
  readonly containerId: string;
  readonly fingerprint: string;
  /** What the config said of what needs no rebuild, when `merged` was read. */
  readonly live: string;
  readonly remoteUser: string;
  /** Absolute path inside. */
  readonly workspaceFolder: string;
  readonly merged: MergedConfiguration;
  /** What the user's shell sets up; undefined where it was not asked yet. */
  readonly userEnv: Readonly<Record<string, string>> | undefined;
  /** How the remote user was let into the workspace; undefined where that was not looked at yet. */
  readonly access: WorkspaceAccess | undefined;
}

/** The record of a container that was just made, or taken over, from the config as it is now. */
export async function recordOf(result: UpResult, configFile: string | undefined): Promise<ContainerRecord> {
  return {
    containerId: result.containerId,
    fingerprint: configFile === undefined ? '' : await configFingerprint(configFile),
    live: configFile === undefined ? '' : await liveConfig(configFile),
    remoteUser: result.remoteUser,
    workspaceFolder: result.remoteWorkspaceFolder,
    merged: result.mergedConfiguration,
    userEnv: undefined,
    access: undefined,
  };
}

/** The same container with what the config says now of what needs no rebuild; the rest is as it was made. */
export function withLive(record: ContainerRecord, live: string, now: MergedConfiguration): ContainerRecord {
  const { remoteEnv: _r, userEnvProbe: _u, ...made } = record.merged;
  const { remoteEnv, userEnvProbe } = now;
  return {
    ...record,
    live,
    merged: {
      ...made,
      ...(remoteEnv === undefined ? {} : { remoteEnv }),
      ...(userEnvProbe === undefined ? {} : { userEnvProbe }),
    },
    userEnv: undefined,
  };
}

/** What programs of the remote user get on top of the container's own environment. */
export function environmentOf({ userEnv, merged }: ContainerRecord): Readonly<Record<string, string>> {
  const remoteEnv = Object.entries(merged.remoteEnv ?? {}).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return { ...userEnv, ...Object.fromEntries(remoteEnv) };
}

interface Content {
  /** Set before the container is made; where it is found later, what was made was never finished. */
  readonly creating?: true;
  readonly record?: ContainerRecord;
}

/** Keeps the record in a JSON file, replaced by a rename. */
export class RecordStore {
  readonly #file: string;
  readonly #log: Logger;

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** The record of this container; undefined where another one, or none, is on record. */
  async read(containerId: string): Promise<ContainerRecord | undefined> {
    const { record } = await this.#content();
    return record?.containerId === containerId ? record : undefined;
  }

  /** True where a creation began and its end was never written down. */
  async wasInterrupted(): Promise<boolean> {
    return (await this.#content()).creating === true;
  }

  async beginCreation(): Promise<void> {
    await this.#write({ creating: true });
  }

  async write(record: ContainerRecord): Promise<void> {
    await this.#write({ record });
  }

  async clear(): Promise<void> {
    await rm(this.#file, { force: true });
  }

  async #content(): Promise<Content> {
    try {
      return JSON.parse(await readFile(this.#file, 'utf8')) as Content;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      if (!(error instanceof SyntaxError)) throw error;
      this.#log.warn(`${this.#file} is broken and is made anew: ${error.message}`);
      return {};
    }
  }

  async #write(content: Content): Promise<void> {
    await mkdir(path.dirname(this.#file), { recursive: true });
    const next = `${this.#file}.${randomUUID()}`;
    await writeFile(next, JSON.stringify(content), { mode: 0o600 });
    await rename(next, this.#file);
  }
}
