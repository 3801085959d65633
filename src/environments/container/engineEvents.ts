import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import * as l10n from '@vscode/l10n';
import { isCancellation } from '../../base/errors.ts';
import { Emitter } from '../../base/event.ts';
import type { Logger } from '../../base/log.ts';
import type { DockerEngine } from '../../engines/docker.ts';

/** Pauses before the stream is opened again, in milliseconds; the last one stays. */
const pausesMs = [250, 1_000, 5_000];

/** What happened to a container. */
export interface ContainerEvent {
  readonly action: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The engine's container events while somebody listens. Where the stream breaks off it is opened again,
 * and one `undefined` is fired for what may have been missed: also the first time, and also when the
 * engine cannot be reached any more.
 */
export class EngineEvents {
  readonly #engine: DockerEngine;
  readonly #log: Logger;
  readonly #fired = new Emitter<ContainerEvent | undefined>();
  readonly onEvent = this.#fired.event;

  constructor(engine: DockerEngine, log: Logger) {
    this.#engine = engine;
    this.#log = log;
  }

  /** Listens until the signal fires. Never rejects. */
  async listen(signal: AbortSignal): Promise<void> {
    const isOver = (): boolean => signal.aborted;
    for (let failures = 0; !isOver(); failures += 1) {
      try {
        const what = l10n.t("Docker's events cannot be read.");
        const stream = await this.#engine.events(what, { type: ['container'] }, signal);
        failures = 0;
        this.#fired.fire(undefined);
        for await (const line of createInterface({ input: stream })) {
          const event = parseEvent(line);
          if (event) this.#fired.fire(event);
        }
      } catch (error) {
        if (isOver() || isCancellation(error)) return;
        this.#log.debug(`Docker's events: ${String(error)}`);
      }
      if (failures === 0) this.#fired.fire(undefined);
      try {
        await delay(pausesMs[Math.min(failures, pausesMs.length - 1)], undefined, { signal });
      } catch (error) {
        if (!isCancellation(error)) throw error;
      }
    }
  }

  dispose(): void {
    this.#fired.dispose();
  }
}

/** Undefined for what changes no state: `exec_*` comes with every command that runs in a container. */
export function parseEvent(line: string): ContainerEvent | undefined {
  if (line.trim() === '') return undefined;
  const event = JSON.parse(line) as {
    Action?: string;
    Actor?: { Attributes?: Readonly<Record<string, string>> };
  };
  const action = event.Action ?? '';
  if (/^(exec_|top$|attach$|resize$|archive-path$|health_status)/.test(action)) return undefined;
  return { action, labels: event.Actor?.Attributes ?? {} };
}
