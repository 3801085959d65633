import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../base/log.ts';
import type { Acceleration } from './acceleration.ts';
import type { MachineLogin } from './machineLogin.ts';
import type { OwnSource } from './ownMachine.ts';
import type { GuestServices } from './services/guestServices.ts';

/** What is known of a project's machine from when it was made; libvirt knows the rest. */
export interface MachineRecord {
  readonly version: 1;
  /** `creating` until it was ready for the first time: what a crash leaves half-made. */
  readonly phase: 'creating' | 'ready';
  /** Changes with each creation. */
  readonly guestId: string;
  readonly domain: string;
  /** Of the image box that it is made of; empty where it is made of anything else. */
  readonly boxKey: string;
  /** What it is made of: the image, the box, or the Vagrantfile. */
  readonly image: string;
  /** Missing where its provider does not say. */
  readonly acceleration?: Acceleration;
  /** The other computer on which it is, as a person names it; missing where it is on this one. */
  readonly host?: string;
  /** The user's own Vagrantfile's machine that it is; missing where its Vagrantfile is generated. */
  readonly own?: OwnSource;
  /** Vagrant's word for that machine: another one means that it was made anew by somebody else. */
  readonly machineId?: string;
  /** How to get in, where no image box says it. */
  readonly login?: MachineLogin;
  /** The workspace is mounted by the Vagrantfile: nothing is synced. */
  readonly mounted?: boolean;
  /** What the config mounts was put into it when it was made. */
  readonly mounts?: boolean;
  /** The features' entrypoints were put into it. */
  readonly entrypoints?: boolean;
  /** Which agent of the workspace sync it starts while it boots; missing where it starts none. */
  readonly agent?: string;
  /** The other services of the compose file. */
  readonly services?: GuestServices;
  /** What of the compose file is left, and why. */
  readonly left?: GuestServices['left'];
  readonly user: string;
  readonly workspaceFolder: string;
  /** The image's ENV, containerEnv, what the user's shell sets up, and remoteEnv, in this order. */
  readonly env: Readonly<Record<string, string>>;
  /** `mergedConfiguration` as it was when the machine was made. */
  readonly merged: Readonly<Record<string, unknown>>;
  /** Of the config's files when it was made; another one now means: rebuild to apply. */
  readonly configHash: string;
  /** Last known address. */
  readonly address?: string;
  /** The port there that is passed on to its SSH server; missing where that is reached at its own. */
  readonly port?: number;
  /** The present run. */
  readonly run?: MachineRun;
}

/** What is known of one run of a machine. */
export interface MachineRun {
  /** As libvirt numbers runs: another one after each start, also from saved memory. */
  readonly id: string;
  /** The kernel's own id of its boot, which a machine keeps while it sleeps. */
  readonly boot: string;
  /** Missing where it was not us who started it. */
  readonly startedAt?: string;
}

/** Keeps the record in a file, replaced by a rename. */
export class RecordFile {
  readonly #file: string;
  readonly #log: Logger;

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  async read(): Promise<MachineRecord | undefined> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    }
    try {
      const record = JSON.parse(text) as Partial<MachineRecord>;
      if (record.version === 1 && typeof record.guestId === 'string') return record as MachineRecord;
    } catch (error) {
      this.#log.warn(`${this.#file} cannot be read: ${String(error)}`);
    }
    return undefined;
  }

  async write(record: MachineRecord): Promise<void> {
    await mkdir(path.dirname(this.#file), { recursive: true });
    const temporary = `${this.#file}.${process.pid}.tmp`;
    await writeFile(temporary, JSON.stringify(record, undefined, 2), { mode: 0o600 });
    await rename(temporary, this.#file);
  }

  async remove(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}
