import { setTimeout as delay } from 'node:timers/promises';

/** A signal that fires when `signal` does or after `ms` milliseconds, whichever is first. */
export function withDeadline(signal: AbortSignal | undefined, ms: number): AbortSignal {
  const deadline = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([signal, deadline]) : deadline;
}

/**
 * Waits for `promise`, or rejects with the signal's reason as soon as it fires. The work behind the
 * promise goes on: use it only where that work has an owner that ends it.
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    // It may still fail, and then nobody is left to hear of it; unheard, it would end the process.
    promise.catch(() => undefined);
    throw signal.reason;
  }
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Asks `condition` until it answers something other than undefined, pausing `everyMs` between two
 * questions, for at most `timeoutMs`; then answers undefined. For conditions outside this process that
 * raise no event.
 */
export async function pollUntil<T>(
  condition: (signal: AbortSignal) => Promise<T | undefined>,
  options: { everyMs: number; timeoutMs: number; signal: AbortSignal },
): Promise<T | undefined> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal.throwIfAborted();
    const answer = await condition(options.signal);
    if (answer !== undefined) return answer;
    if (performance.now() + options.everyMs > deadline) return undefined;
    await delay(options.everyMs, undefined, { signal: options.signal });
  }
}
