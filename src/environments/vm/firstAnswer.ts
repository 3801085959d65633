import type { Duplex } from 'node:stream';

/** Has `answered` called at the first word of whoever is at the other end, who is not known to be there before that. */
export function atFirstWord<T extends Duplex>(stream: T, answered: () => void): T {
  return stream.once('readable', () => {
    // Its end is readable too, and brings nothing.
    if (stream.readableLength > 0) answered();
  });
}

/**
 * Attempts follow each other, and none of them is given up before one of them was answered or the end, because a slow
 * machine's answer is on its way.
 * @param begin makes an attempt, and has `answered` called once somebody is there
 * @param bounds how long until there is one more attempt beside those under way, and how long in all; milliseconds
 * @returns the one that was answered; undefined where none was
 */
export async function firstAnswer<T extends Duplex>(
  begin: (answered: () => void) => T,
  { againMs, forMs }: { readonly againMs: number; readonly forMs: number },
  signal: AbortSignal,
): Promise<T | undefined> {
  signal.throwIfAborted();
  return new Promise<T | undefined>((resolve, reject) => {
    const attempts = new Set<T>();
    const finish = (act: () => void): void => {
      clearInterval(again);
      clearTimeout(end);
      signal.removeEventListener('abort', onAbort);
      for (const attempt of attempts) attempt.destroy();
      act();
    };
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    const attempt = (): void => {
      const stream = begin(() => {
        // What is over already was no answer.
        if (attempts.delete(stream)) finish(() => resolve(stream));
      });
      attempts.add(stream);
      // Nobody listens yet; the next attempt follows.
      stream.on('error', () => attempts.delete(stream));
      stream.once('end', () => attempts.delete(stream));
    };
    const again = setInterval(attempt, againMs);
    const end = setTimeout(() => finish(() => resolve(undefined)), forMs);
    signal.addEventListener('abort', onAbort, { once: true });
    attempt();
  });
}
