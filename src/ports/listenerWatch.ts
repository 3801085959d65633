import { setTimeout as delay } from 'node:timers/promises';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/log.ts';
import type { Connection } from '../connections/connection.ts';
import type { Environment } from '../environments/environment.ts';
import type { Listener } from './listeners.ts';
import { watchPorts } from './watchPorts.ts';

/** How long to wait before watching again after it broke off, in milliseconds; doubles up to the second. */
const againMs = 2_000;
const longestAgainMs = 60_000;

interface WatchParts {
  /** Done before the first look. */
  readonly onBegin: () => Promise<void>;
  readonly onListeners: (now: readonly Listener[], before: readonly Listener[]) => void;
  readonly log: Logger;
}

/** Knows who listens in an environment while it runs and somebody wants to know, over whatever connection it has. */
export class ListenerWatch implements Disposable {
  readonly #environment: Environment;
  readonly #parts: WatchParts;
  #listeners: readonly Listener[] | undefined;
  #connection: Connection | undefined;
  #watching: AbortController | undefined;

  constructor(environment: Environment, parts: WatchParts) {
    this.#environment = environment;
    this.#parts = parts;
  }

  /** Undefined where it is not known. */
  get listeners(): readonly Listener[] | undefined {
    return this.#listeners;
  }

  /** The last one that was used. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** @throws SwitchyardError as `Environment.connect` does */
  async connect(signal: AbortSignal): Promise<Connection> {
    const known = this.#connection;
    this.#connection = known && !known.isClosed ? known : await this.#environment.connect(signal);
    return this.#connection;
  }

  start(): void {
    if (this.#watching) return;
    const watching = new AbortController();
    this.#watching = watching;
    void this.#watchLoop(watching.signal).finally(() => {
      if (this.#watching === watching) this.stop();
    });
  }

  stop(): void {
    this.#watching?.abort(new DOMException('The ports are no longer watched.', 'AbortError'));
    this.#watching = undefined;
    this.#listeners = undefined;
    this.#connection = undefined;
  }

  dispose(): void {
    this.stop();
  }

  /** Until the signal fires, or the environment no longer runs: its next run begins anew. */
  async #watchLoop(signal: AbortSignal): Promise<void> {
    const { onBegin, onListeners, log } = this.#parts;
    const environment = this.#environment;
    await onBegin();
    let pause = againMs;
    const isOver = (): boolean => signal.aborted;
    while (!isOver() && environment.status.state === 'running') {
      try {
        const connection = await environment.connect(signal);
        if (isOver()) return;
        this.#connection = connection;
        await watchPorts(
          connection,
          (listeners) => {
            pause = againMs;
            const before = this.#listeners ?? [];
            this.#listeners = listeners;
            onListeners(listeners, before);
          },
          signal,
        );
      } catch (error) {
        if (!isOver()) log.debug(`The ports of the ${environment.kind} cannot be watched: ${String(error)}`);
      }
      await delay(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, longestAgainMs);
    }
  }
}
