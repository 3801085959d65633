import { readFileSync, writeFileSync, mkdirSync, rmSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from './log.ts';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, in whatever unit the system tells; equal for the same process only. */
  readonly began: string;
}

/** Undefined where no such process runs, or the system does not tell when it began (Windows). */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    if (process.platform === 'linux') {
      // proc(5): the name in brackets may hold spaces and brackets itself; the start is the 22nd field.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const began = rest[18];
      return state === 'Z' || began === undefined ? undefined : { pid, began };
    }
    if (process.platform === 'win32') return undefined;
    const began = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 5_000,
    }).trim();
    return began === '' ? undefined : { pid, began };
  } catch {
    // Neither /proc nor ps knows it: it does not run.
    return undefined;
  }
}

/** Where the system does not tell when a process began (`began` is ''), any of that number counts. */
export function isRunning({ pid, began }: ProcessIdentity): boolean {
  if (began !== '') return identify(pid)?.began === began;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another person's process is one too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Names this process on this computer, for a label on something that must not outlive it. */
export function ownerTag(): string {
  return JSON.stringify([hostname(), process.pid, identify(process.pid)?.began ?? '']);
}

/** Whether the owner that `ownerTag` named is certainly gone; another computer's never is. */
export function isOwnerGone(tag: string): boolean {
  let parts: unknown;
  try {
    parts = JSON.parse(tag);
  } catch {
    return false;
  }
  if (!Array.isArray(parts)) return false;
  const [host, pid, began] = parts as unknown[];
  if (host !== hostname() || typeof pid !== 'number' || typeof began !== 'string' || began === '')
    return false;
  return !isRunning({ pid, began });
}

interface Entry {
  readonly owner: ProcessIdentity;
  readonly child: ProcessIdentity;
  readonly describe: string;
}

/** How long a process group may take to end by itself after SIGTERM, in milliseconds, before SIGKILL. */
const graceMs = 5_000;

/**
 * Remembers on the disk which process groups this process started for work that must not go on without it
 * (making a machine, building an image), so that after a crash the next one ends them.
 */
export class ProcessLedger {
  readonly #folder: string;
  readonly #log: Logger;

  /** @param folder of this ledger alone; shared by all windows */
  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Notes a group leader. @returns what to call once it has ended */
  add(pid: number, describe: string): () => void {
    const owner = identify(process.pid);
    const child = identify(pid);
    if (!owner || !child) return () => undefined;
    const file = path.join(this.#folder, `${process.pid}-${pid}.json`);
    mkdirSync(this.#folder, { recursive: true });
    // At once, not later: a crash does not wait.
    writeFileSync(file, JSON.stringify({ owner, child, describe } satisfies Entry), { mode: 0o600 });
    return () => rmSync(file, { force: true });
  }

  /** Ends what processes that died without ending it left running, and forgets it. */
  async endOrphans(signal: AbortSignal): Promise<void> {
    let names: readonly string[];
    try {
      names = await readdir(this.#folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await Promise.all(names.map((name) => this.#settle(path.join(this.#folder, name), signal)));
  }

  async #settle(file: string, signal: AbortSignal): Promise<void> {
    const entry = await readEntry(file);
    if (entry && isRunning(entry.owner)) return;
    if (entry && isRunning(entry.child)) {
      this.#log.info(`Ending what a window that closed left running: ${entry.describe}`);
      signalGroup(entry.child.pid, 'SIGTERM');
      const until = performance.now() + graceMs;
      while (isRunning(entry.child) && performance.now() < until) await delay(100, undefined, { signal });
      if (isRunning(entry.child)) signalGroup(entry.child.pid, 'SIGKILL');
    }
    await rm(file, { force: true });
  }
}

async function readEntry(file: string): Promise<Entry | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Entry;
  } catch (error) {
    // Cut off while it was written, or settled by another window meanwhile.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Signals a process and all of its group. Does nothing where it is gone already. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch (error) {
    // Gone already, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
