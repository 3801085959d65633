import { Worker } from 'node:worker_threads';
import { abortable } from '../../base/abort.ts';
import type { Disposable } from '../../base/disposable.ts';
import { workerFile } from '../files.ts';
import type { WatchEvents } from '../side.ts';
import type { HostAnswer, HostNews, HostPart, HostRequest } from './hostWorker.ts';

/** Its garbage is short-lived: what V8 would let gather by itself is tens of MiB that nobody gets back. */
const limits = { maxYoungGenerationSizeMb: 8 };

interface Open {
  readonly part: (data: Uint8Array) => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The thread that works on the workspace folder, from this side: matches its answers to questions. */
export class HostThread implements Disposable {
  events: WatchEvents | undefined;
  readonly #worker = new Worker(workerFile(), { resourceLimits: limits });
  readonly #open = new Map<number, Open>();
  #next = 1;
  #ended: Error | undefined;

  constructor() {
    this.#worker.on('message', (answer: HostAnswer | HostPart | HostNews) => {
      if ('news' in answer) {
        this.#tell(answer);
        return;
      }
      if ('part' in answer) {
        this.#open.get(answer.id)?.part(answer.part);
        return;
      }
      const waiting = this.#open.get(answer.id);
      this.#open.delete(answer.id);
      if (answer.error) waiting?.reject(answer.error);
      else waiting?.resolve(answer.value);
    });
    this.#worker.on('error', (error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new Error('The worker of the sync ended.')));
  }

  /** @throws what the thread threw; Error once it ended */
  ask(
    request: HostRequest,
    signal: AbortSignal,
    part: (data: Uint8Array) => void = () => undefined,
  ): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#next++;
    const answer = new Promise<unknown>((resolve, reject) => this.#open.set(id, { part, resolve, reject }));
    this.#worker.postMessage({ id, request });
    return abortable(answer, signal);
  }

  dispose(): void {
    void this.#worker.terminate();
  }

  #tell(news: HostNews): void {
    switch (news.news) {
      case 'paths':
        return this.events?.paths(news.paths);
      case 'anywhere':
        return this.events?.anywhere();
      case 'exhausted':
        return this.events?.exhausted();
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#open.values()) reject(this.#ended);
    this.#open.clear();
  }
}
