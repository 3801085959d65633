import * as l10n from '@vscode/l10n';
import { readFileSync, rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { randomBytes } from 'node:crypto';
import { pollUntil } from './abort.ts';
import { SwitchyardError } from './errors.ts';
import { identify, isRunning } from './processLedger.ts';

/** What a lock file holds, as JSON: process number, when that process began, and what makes it unique. */
type Holder = readonly [pid: number, began: string, nonce: string];

/** A lock that one process of this computer has at a time, and that a dead one cannot keep. */
export class FileLock {
  readonly #file: string;
  readonly #content: string;

  private constructor(file: string, content: string) {
    this.#file = file;
    this.#content = content;
  }

  /** The lock, unless a living process has it. */
  static async take(file: string): Promise<FileLock | undefined> {
    await fs.mkdir(path.dirname(file), { recursive: true });
    const nonce = randomBytes(8).toString('hex');
    const content = JSON.stringify([process.pid, identify(process.pid)?.began ?? '', nonce] satisfies Holder);
    const mine = `${file}.${process.pid}-${nonce}`;
    // The first attempt may have to take a dead process's lock away.
    const taken = (await make(file, mine, content)) || (await make(file, mine, content));
    return taken ? new FileLock(file, content) : undefined;
  }

  /** True while a living process has it. */
  static async isTaken(file: string): Promise<boolean> {
    const content = await read(file);
    return content !== undefined && isHeld(content);
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
  ): Promise<FileLock> {
    let told = false;
    const attempt = async (): Promise<FileLock | undefined> => {
      const lock = await FileLock.take(file);
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
      if (!isMissing(error)) throw error;
    }
  }

  async release(): Promise<void> {
    if ((await read(this.#file)) === this.#content) await fs.rm(this.#file, { force: true });
  }
}

/** Makes the lock file whole in one step, by way of `mine`, so that nobody ever reads half of it. */
async function make(file: string, mine: string, content: string): Promise<boolean> {
  await fs.writeFile(mine, content);
  try {
    await fs.link(mine, file);
    return true;
  } catch (error) {
    if (!isTaken(error)) throw error;
  } finally {
    await fs.rm(mine, { force: true });
  }
  await breakStale(file);
  return false;
}

/** Takes away the lock of a process that is no more. */
async function breakStale(file: string): Promise<void> {
  if (!(await isStale(file))) return;
  // One at a time, and looked at once more: what lies there by now may be the lock of one who was faster.
  const turn = await FileLock.take(`${file}.break`);
  if (!turn) return;
  try {
    if (await isStale(file)) await fs.rm(file, { force: true });
  } finally {
    await turn.release();
  }
}

async function isStale(file: string): Promise<boolean> {
  const content = await read(file);
  return content !== undefined && !isHeld(content);
}

function isHeld(content: string): boolean {
  try {
    const [pid, began] = JSON.parse(content) as Holder;
    return isRunning({ pid, began });
  } catch (error) {
    // No process wrote that.
    if (error instanceof SyntaxError || error instanceof TypeError) return false;
    throw error;
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function isTaken(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EEXIST';
}
