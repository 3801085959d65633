import * as l10n from '@vscode/l10n';
import { abortable } from '../base/abort.ts';
import { SwitchyardError, toSwitchyardError } from '../base/errors.ts';
import { Emitter } from '../base/event.ts';
import type { Disposable } from '../base/disposable.ts';
import { FileLock } from '../base/fileLock.ts';
import type { GuestKind } from '../base/kinds.ts';
import { capabilitiesOf } from './capabilities.ts';
import type { EnvironmentState, EnvironmentStatus, OperationOptions } from './environment.ts';
import { OperationQueue } from './operationQueue.ts';

/** How long to wait for another window that works on the same environment, in milliseconds. */
const otherWindowMs = 60 * 60_000;

/** How long the engine may take to say what there is, in milliseconds. */
const lookMs = 30_000;

export interface LifecycleParts {
  readonly kind: GuestKind;
  /** Only one window at a time changes the environment: the one that has this file. */
  readonly lockFile: string;
  /** Asks the engine, and tells what it finds by `found`. */
  readonly look: (signal: AbortSignal) => Promise<unknown>;
  /** Says that the engine cannot be asked. */
  readonly cannotLook: () => string;
  /** Tells somebody that another window works on the environment. */
  readonly elsewhere: () => string;
}

/** What there is to say of an environment beyond its state. */
export type Findings = Partial<
  Pick<EnvironmentStatus, 'startedAt' | 'problem' | 'drifted' | 'restartApplies' | 'snapshot' | 'keptVolumes'>
>;

/**
 * The operations on one environment and the status that comes of them. They run one after the other; what
 * the engine says while one of ours is under way is no news, and afterwards it has the last word.
 */
export class Lifecycle implements Disposable {
  readonly #parts: LifecycleParts;
  readonly #queue = new OperationQueue();
  readonly #end = new AbortController();
  readonly #changed = new Emitter<EnvironmentStatus>();
  readonly onDidChangeStatus = this.#changed.event;
  #status = statusOf('unknown');
  /** The operation of ours that is under way, as a state. */
  #underWay: EnvironmentState | undefined;
  #activity: string | undefined;
  #looking: Promise<void> | undefined;
  #lookNext: Promise<void> | undefined;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  get status(): EnvironmentStatus {
    return this.#status;
  }

  /** Fires at the end of the environment's use. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** The operation of ours that is under way and changes something, as a state. */
  get underWay(): EnvironmentState | undefined {
    return this.#underWay;
  }

  /** Asks the engine. @returns what it said, or what was known before where the signal fires first; never rejects */
  async refresh(signal: AbortSignal): Promise<EnvironmentStatus> {
    await abortable(this.#look(), signal).catch(() => undefined);
    return this.#status;
  }

  /** What the engine says; passed over while an operation of ours is under way. */
  found(state: EnvironmentState, findings: Findings = {}): void {
    if (this.#underWay === undefined) this.#set(statusOf(state, findings, this.#activity));
  }

  /** What to say of one whose creation began and did not come to its end; nothing while somebody is at it. */
  async halfMade(): Promise<SwitchyardError | undefined> {
    const { kind, lockFile } = this.#parts;
    if (await FileLock.isTaken(lockFile)) return undefined;
    return new SwitchyardError({
      code: 'environment.interrupted',
      what:
        kind === 'vm'
          ? l10n.t('The virtual machine is only half made.')
          : l10n.t('The container is only half made.'),
      why: l10n.t('Its creation was interrupted.'),
      next: l10n.t('Open it to have it made to its end, or destroy it.'),
      remedies: [
        { do: 'open', kind },
        { do: 'destroy', kind },
      ],
    });
  }

  /** An operation begins to change the environment; until its end it is the status. */
  begin(state: EnvironmentState): void {
    this.#underWay = state;
    this.#set(
      statusOf(state, { drifted: this.#status.drifted, restartApplies: this.#status.restartApplies }),
    );
  }

  /** What began is over, and whoever did it tells right away what became of it: no second look is needed. */
  over(): void {
    this.#underWay = undefined;
  }

  /** What runs on in the environment; undefined when nothing does any more. */
  setActivity(activity: string | undefined): void {
    this.#activity = activity;
    // When it is over, it may have left a problem.
    if (activity === undefined) void this.refresh(this.#end.signal);
    else if (this.#underWay === undefined) this.#set({ ...this.#status, activity });
  }

  /**
   * Runs an operation in its turn; afterwards the status is what the engine says, however it went.
   * @param what the sentence that says what could not be done, for an error that says nothing itself
   */
  async operate<T>(
    what: string,
    { progress, signal }: OperationOptions,
    work: (options: OperationOptions) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#queue.run(async (either) => {
        try {
          return await work({ progress, signal: either });
        } finally {
          // What changed nothing needs no second look.
          if (this.#underWay !== undefined) {
            this.#underWay = undefined;
            await this.#look();
          }
        }
      }, signal);
    } catch (error) {
      // What was being done may call its end by another name: it was cancelled.
      throw toSwitchyardError(signal.aborted ? signal.reason : error, what);
    }
  }

  /** Does something that changes the environment, while no other window does. */
  async locked<T>({ progress, signal }: OperationOptions, work: () => Promise<T>): Promise<T> {
    const lock = await FileLock.acquire(this.#parts.lockFile, signal, otherWindowMs, () =>
      progress.line(this.#parts.elsewhere()),
    );
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }

  dispose(): void {
    this.#end.abort(new DOMException('The environment is no longer in use.', 'AbortError'));
    this.#queue.dispose();
    this.#changed.dispose();
  }

  /**
   * A look that begins now or later. One follows the other: of two at once the older one might answer last, with
   * what is over by then. Whoever asks while one goes on shares the next, for that one may have seen too little.
   */
  #look(): Promise<void> {
    if (!this.#looking) {
      this.#looking = this.#lookOnce().finally(() => (this.#looking = undefined));
      return this.#looking;
    }
    this.#lookNext ??= this.#looking.then(() => {
      this.#lookNext = undefined;
      return this.#look();
    });
    return this.#lookNext;
  }

  async #lookOnce(): Promise<void> {
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(lookMs)]);
    try {
      await this.#parts.look(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.found('unavailable', { problem: toSwitchyardError(error, this.#parts.cannotLook()) });
    }
  }

  #set(status: EnvironmentStatus): void {
    if (isSameStatus(status, this.#status)) return;
    this.#status = status;
    this.#changed.fire(status);
  }
}

function statusOf(
  state: EnvironmentState,
  { startedAt, problem, drifted = false, restartApplies = false, snapshot, keptVolumes }: Findings = {},
  activity?: string,
): EnvironmentStatus {
  const hasLeftovers = snapshot !== undefined || (keptVolumes?.length ?? 0) > 0;
  const capabilities = capabilitiesOf(state, { canSuspend: true, hasLeftovers });
  return {
    state,
    capabilities,
    startedAt,
    problem,
    drifted,
    restartApplies,
    activity,
    snapshot,
    keptVolumes,
  };
}

/** True where a person would see no difference. */
function isSameStatus(one: EnvironmentStatus, other: EnvironmentStatus): boolean {
  return (
    one.state === other.state &&
    one.startedAt?.getTime() === other.startedAt?.getTime() &&
    one.problem?.message === other.problem?.message &&
    one.drifted === other.drifted &&
    one.restartApplies === other.restartApplies &&
    one.activity === other.activity &&
    one.snapshot?.takenAt.getTime() === other.snapshot?.takenAt.getTime() &&
    one.keptVolumes?.join('\n') === other.keptVolumes?.join('\n')
  );
}
