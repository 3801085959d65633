import * as l10n from '@vscode/l10n';
import { readFileSync, rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { randomBytes } from 'node:crypto';
import { pollUntil } from '../base/abort.ts';
import { SwitchyardError } from '../base/errors.ts';

/** Only one syncer works on a workspace and environment, whichever window it lives in. */
export class SyncLock {
  readonly #file: string;
  readonly #content: string;

  private constructor(file: string, content: string) {
    this.#file = file;
    this.#content = content;
  }

  /** The lock, unless a living process has it. */
  static async take(file: string): Promise<SyncLock | undefined> {
    await fs.mkdir(path.dirname(file), { recursive: true });
    const content = `${process.pid} ${await birthOf(process.pid)} ${randomBytes(8).toString('hex')}`;
    // The first attempt may have to take a dead process's lock away.
    const taken = (await take(file, content)) || (await take(file, content));
    return taken ? new SyncLock(file, content) : undefined;
  }

  /**
   * Waits for its turn.
   * @param onWait called once where it is not there at once
   * @throws SwitchyardError `environment.busy` where that takes longer than `waitMs`
   */
  static async acquire(
    file: string,
    signal: AbortSignal,
    waitMs: number,
    onWait?: () => void,
  ): Promise<SyncLock> {
    let told = false;
    const attempt = async (): Promise<SyncLock | undefined> => {
      const lock = await SyncLock.take(file);
      if (!lock && !told) onWait?.();
      told = true;
      return lock;
    };
    const lock = await pollUntil(attempt, { everyMs: 100, timeoutMs: waitMs, signal });
    if (lock) return lock;
    throw new SwitchyardError({
      code: 'environment.busy',
      what: l10n.t('The environment is in use.'),
      why: l10n.t('Another window is working on it.'),
      next: l10n.t('Wait for it to finish, or close that window.'),
      remedies: [{ do: 'retry' }],
    });
  }

  /** For a process that is about to end. */
  releaseNow(): void {
    try {
      if (readFileSync(this.#file, 'utf8') === this.#content) rmSync(this.#file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  async release(): Promise<void> {
    if ((await read(this.#file)) === this.#content) await fs.rm(this.#file, { force: true });
  }
}

/** Makes the lock file whole in one step, so that nobody ever reads half of it. */
async function take(file: string, content: string): Promise<boolean> {
  const mine = `${file}.${content.split(' ').join('-')}`;
  await fs.writeFile(mine, content);
  try {
    await fs.link(mine, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await fs.rm(mine, { force: true });
  }
  await breakStale(file);
  return false;
}

/** Takes away the lock of a process that is no more. */
async function breakStale(file: string): Promise<void> {
  const content = await read(file);
  if (content === undefined) return;
  const [pid, birth] = content.split(' ');
  if (pid !== undefined && isAlive(Number(pid)) && (await birthOf(Number(pid))) === birth) return;
  // By rename, so that of two who find it stale only one takes it, and no new lock goes with it.
  const aside = `${file}.stale-${randomBytes(8).toString('hex')}`;
  try {
    await fs.rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const taken = await read(aside);
  if (taken !== content && taken !== undefined) await fs.link(aside, file).catch(ignoreTaken);
  await fs.rm(aside, { force: true });
}

function ignoreTaken(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process began, as the kernel counts it; '-' where that cannot be read. Tells reused ids apart. */
async function birthOf(pid: number): Promise<string> {
  const stat = await read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')')).split(' ')[20] ?? '-';
}
