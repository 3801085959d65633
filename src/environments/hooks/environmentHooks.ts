import * as l10n from '@vscode/l10n';
import { isCancellation, toSwitchyardError, type SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Progress } from '../../base/progress.ts';
import { FileLock } from '../../base/fileLock.ts';
import type { OperationOptions } from '../environment.ts';
import { splitByWaitFor, type HookName } from './plan.ts';
import { dueHooks, failedBefore, runDueHooks, type HookRun } from './run.ts';

/** How long to wait for another window that runs the hooks, in milliseconds: a hook may take very long. */
const otherWindowMs = 24 * 60 * 60_000;

/** What became of the hooks when a terminal may open. */
export interface HookOutcome {
  /** A hook failed, now or earlier on the same occasion. */
  readonly problem: SwitchyardError | undefined;
  /** Resolves when the hooks that run on are over, with what one that failed says; never rejects. */
  readonly rest: Promise<SwitchyardError | undefined> | undefined;
}

interface UnderWay {
  readonly end: AbortController;
  readonly rest: Promise<SwitchyardError | undefined>;
}

/**
 * The hooks of one environment: those that `waitFor` names are waited for, the later ones run on behind
 * the open terminal. Of several windows one runs them.
 */
export class EnvironmentHooks {
  readonly #lockFile: string;
  readonly #log: Logger;
  readonly #onStep: (step: string | undefined) => void;
  #underWay: UnderWay | undefined;

  /** @param onStep told what runs on in the background, and undefined when nothing does any more */
  constructor(parts: {
    readonly lockFile: string;
    readonly log: Logger;
    readonly onStep: (step: string | undefined) => void;
  }) {
    this.#lockFile = parts.lockFile;
    this.#log = parts.log;
    this.#onStep = parts.onStep;
  }

  /**
   * @throws whatever the signal's reason is when it fires while hooks are waited for
   * @throws SwitchyardError `environment.gone` where the connection is lost
   */
  async run(
    run: HookRun,
    waitFor: string | undefined,
    { progress, signal }: OperationOptions,
  ): Promise<HookOutcome> {
    if (this.#underWay) return { problem: undefined, rest: this.#underWay.rest };
    const due = await dueHooks(run);
    if (due.length === 0) return { problem: failedBefore(run, await run.markers.read()), rest: undefined };
    const { first, later } = splitByWaitFor(waitFor);
    if (due.some((hook) => first.includes(hook))) {
      const problem = await this.#locked(signal, () => runDueHooks(run, progress, signal, first));
      if (problem) return { problem, rest: undefined };
    }
    const rest = due.some((hook) => later.includes(hook)) ? this.#runOn(run, later) : undefined;
    return { problem: rest ? undefined : failedBefore(run, await run.markers.read()), rest };
  }

  /** Ends what runs on in the background; it stays due. */
  async end(): Promise<void> {
    const underWay = this.#underWay;
    if (!underWay) return;
    underWay.end.abort(new DOMException('The environment is being left.', 'AbortError'));
    await underWay.rest;
  }

  #runOn(run: HookRun, later: readonly HookName[]): Promise<SwitchyardError | undefined> {
    const end = new AbortController();
    const progress: Progress = {
      step: (title) => this.#onStep(title),
      line: (text) => this.#log.info(text),
    };
    const work = async (): Promise<SwitchyardError | undefined> => {
      try {
        return await this.#locked(end.signal, () => runDueHooks(run, progress, end.signal, later));
      } catch (error) {
        if (!isCancellation(error)) return toSwitchyardError(error, l10n.t('The hooks could not be run.'));
        this.#log.info(`Hooks that were under way were ended; they stay due.`);
        return undefined;
      } finally {
        this.#underWay = undefined;
        this.#onStep(undefined);
      }
    };
    const rest = work();
    this.#underWay = { end, rest };
    return rest;
  }

  async #locked<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const lock = await FileLock.acquire(this.#lockFile, signal, otherWindowMs);
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }
}
