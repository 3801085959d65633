import { setImmediate as turn } from 'node:timers/promises';

/** How long, in milliseconds, work may keep the event loop for itself. */
const sliceMs = 8;

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

/** Runs long work to its end, letting others work whenever a slice of time is over. */
export async function inSlices<T>(work: Generator<unknown, T>, signal: AbortSignal): Promise<T> {
  let until = performance.now() + sliceMs;
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() < until) continue;
    await turn();
    signal.throwIfAborted();
    until = performance.now() + sliceMs;
  }
}
