import { randomBytes } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/log.ts';

/**
 * How windows that share a workspace speak to each other: the one that does not have the session writes
 * a number into `ask`, the one that has it brings everything together and writes the number into
 * `answer`.
 */
const askFile = 'ask';
const answerFile = 'answer';

/** Asks the window that has the session; the question is answered once `isAnswered` says so. */
export class Question {
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
