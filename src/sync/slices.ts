import { setImmediate as turn } from 'node:timers/promises';

/** How long, in milliseconds, work may keep the event loop for itself. */
const sliceMs = 8;

/**
 * When the slice of time that is running is over. One for all, as there is one event loop: work that follows
 * other work in the same turn of it gets no slice of its own.
 */
let until = 0;

/** Does something with each of many, letting others work whenever a slice of time is over. */
export async function eachInSlices<T>(
  items: Iterable<T>,
  work: (item: T) => void,
  signal: AbortSignal,
): Promise<void> {
  await inSlices(
    (function* () {
      let count = 0;
      for (const item of items) {
        work(item);
        count += 1;
        if (count % 256 === 0) yield;
      }
    })(),
    signal,
  );
}

/** Those of many that pass a test, letting others work whenever a slice of time is over. */
export async function filterInSlices<T>(
  items: Iterable<T>,
  test: (item: T) => boolean,
  signal: AbortSignal,
): Promise<T[]> {
  const passed: T[] = [];
  await eachInSlices(
    items,
    (item) => {
      if (test(item)) passed.push(item);
    },
    signal,
  );
  return passed;
}

/**
 * Runs long work to its end, letting others work whenever a slice of time is over.
 * @param work yields where it may be held up: about every millisecond
 */
export async function inSlices<T>(work: Generator<unknown, T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() < until) continue;
    await turn();
    signal.throwIfAborted();
    until = performance.now() + sliceMs;
  }
}
