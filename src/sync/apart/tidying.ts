import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How long nothing must have happened, in milliseconds, and by how much the heap must have grown, in bytes. */
const calmMs = 3_000;
const worthBytes = 24 * 1024 * 1024;

/** V8's own function, hidden unless it is asked for. */
type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

/**
 * Gives memory back when nothing is to be done. After a look at a large workspace most of the heap is empty, and V8
 * keeps it for later: it expects more of the same, which is five minutes away. Whole collections take a tenth of a
 * second, in which nobody waits for this process.
 */
export class Tidying {
  readonly #collect: Collect;
  #after = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    setFlagsFromString('--expose-gc');
    this.#collect = runInNewContext('gc') as Collect;
  }

  /** Something is being done. */
  touch(): void {
    if (this.#timer) this.#timer.refresh();
    else this.#timer = setTimeout(() => this.#tidy(), calmMs).unref();
  }

  #tidy(): void {
    this.#timer = undefined;
    if (getHeapStatistics().total_heap_size - this.#after < worthBytes) return;
    this.#collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    this.#after = getHeapStatistics().total_heap_size;
  }
}
