import { randomBytes } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as l10n from '@vscode/l10n';
import { pollUntil } from '../base/abort.ts';
import type { Disposable } from '../base/disposable.ts';
import { SwitchyardError } from '../base/errors.ts';
import { FileLock } from '../base/fileLock.ts';
import type { Logger } from '../base/log.ts';

/**
 * How windows that share a workspace speak to each other: the one that does not have the session writes
 * a number into `ask`, the one that has it brings everything together and writes the number into
 * `answer`.
 */
const askFile = 'ask';
const answerFile = 'answer';
/** How long another window may take to answer, and how often to see whether it is gone; milliseconds. */
export const askMs = 30_000;
const followEveryMs = 2_000;

/** Asks the window that has the session; the question is answered once `isAnswered` says so. */
class Question {
  readonly #folder: string;
  readonly #number: string;

  private constructor(folder: string, number: string) {
    this.#folder = folder;
    this.#number = number;
  }

  static async ask(stateFolder: string): Promise<Question> {
    const number = randomBytes(8).toString('hex');
    await replace(path.join(stateFolder, askFile), number);
    return new Question(stateFolder, number);
  }

  async isAnswered(): Promise<boolean> {
    return (await readOr(path.join(this.#folder, answerFile))) === this.#number;
  }
}

/** Answers other windows' questions for as long as this one has the session. */
export class Answering implements Disposable {
  readonly #watcher: FSWatcher;

  constructor(stateFolder: string, bringTogether: () => Promise<unknown>, log: Logger) {
    let answered = '';
    const look = async (): Promise<void> => {
      const number = await readOr(path.join(stateFolder, askFile));
      if (number === '' || number === answered) return;
      answered = number;
      try {
        await bringTogether();
      } catch (error) {
        // Whoever asked goes on all the same; this window shows what is wrong.
        log.warn(`Sync: asked by another window, and failed: ${String(error)}`);
      }
      await replace(path.join(stateFolder, answerFile), number);
    };
    this.#watcher = watch(stateFolder, (_event, name) => {
      if (name !== askFile) return;
      look().catch((error: unknown) => log.warn(`Sync: another window was not answered: ${String(error)}`));
    });
  }

  dispose(): void {
    this.#watcher.close();
  }
}

/**
 * This window's turn: the lock, where no other window has it or one lets go of it.
 * @returns undefined where another window has it, and has brought everything together
 * @throws SwitchyardError `environment.busy` where that window does not answer
 */
export async function takeTurn(
  stateFolder: string,
  log: Logger,
  signal: AbortSignal,
): Promise<FileLock | undefined> {
  const file = lockFile(stateFolder);
  const mine = await FileLock.take(file);
  if (mine) return mine;
  log.info('Sync: another window has this workspace, and is asked to bring it across.');
  const question = await Question.ask(stateFolder);
  const turn = await pollUntil(
    async () => {
      const lock = await FileLock.take(file);
      return lock || (await question.isAnswered()) ? { lock } : undefined;
    },
    { everyMs: 100, timeoutMs: askMs, signal },
  );
  if (turn) return turn.lock;
  throw new SwitchyardError({
    code: 'environment.busy',
    what: l10n.t('The workspace could not be synced.'),
    why: l10n.t('Another window is syncing it, and does not answer.'),
    next: l10n.t('Wait for it to finish, or close that window.'),
    remedies: [{ do: 'retry' }],
  });
}

/** The lock, as soon as the window that has it lets go of it. Waits as long as the signal lets it. */
export function whenFree(stateFolder: string, signal: AbortSignal): Promise<FileLock | undefined> {
  return pollUntil(() => FileLock.take(lockFile(stateFolder)), {
    everyMs: followEveryMs,
    timeoutMs: Infinity,
    signal,
  });
}

function lockFile(stateFolder: string): string {
  return path.join(stateFolder, 'lock');
}

async function replace(file: string, text: string): Promise<void> {
  const next = `${file}.${randomBytes(4).toString('hex')}`;
  await fs.writeFile(next, text);
  await fs.rename(next, file);
}

async function readOr(file: string): Promise<string> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
