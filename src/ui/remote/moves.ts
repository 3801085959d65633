import type { EnvironmentKind } from '../../base/kinds.ts';

/** How long a window may take from one environment to another, in milliseconds; it may have to be asked first. */
const moveMs = 5 * 60_000;

/** What `vscode.Memento` is here. */
interface Memory {
  get(key: string): unknown;
  update(key: string, value: unknown): PromiseLike<void>;
}

interface Move {
  readonly from: EnvironmentKind;
  readonly to: EnvironmentKind;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * A window that goes elsewhere ends with all that runs in it: what is left to do after it has gone is written down,
 * and the window that arrives does it. An environment is left only then: the window was inside until it went.
 */
export class Moves {
  readonly #memory: Memory;
  readonly #now: () => number;

  /** @param memory this computer's, which all windows share */
  constructor(memory: Memory, now: () => number = Date.now) {
    this.#memory = memory;
    this.#now = now;
  }

  async begin(projectId: string, from: EnvironmentKind, to: EnvironmentKind): Promise<void> {
    const move: Move = { from, to, at: this.#now() };
    await this.#memory.update(keyOf(projectId), move);
  }

  /**
   * @param here where the window of the project is
   * @returns what it came from, once; undefined where no window was on its way here
   */
  async arrive(projectId: string, here: EnvironmentKind): Promise<EnvironmentKind | undefined> {
    const move = this.#memory.get(keyOf(projectId)) as Move | undefined;
    if (move?.to !== here) return undefined;
    await this.#memory.update(keyOf(projectId), undefined);
    return this.#now() - move.at <= moveMs ? move.from : undefined;
  }
}

function keyOf(projectId: string): string {
  return `move:${projectId}`;
}
