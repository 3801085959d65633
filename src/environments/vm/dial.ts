import net from 'node:net';

/** After how long without an answer to try once more beside the attempts under way, in milliseconds. */
const againMs = 250;

/**
 * A TCP connection to whoever listens there, as soon as somebody does. What was sent to a machine before it
 * was there the system repeats only after one second and then ever later, so attempts follow each other
 * quicker than that; none of them is given up before the end, because a slow machine's answer is on its way.
 * @returns undefined where nobody answered for `forMs` milliseconds
 */
export async function dial(
  { host, port }: { readonly host: string; readonly port: number },
  forMs: number,
  signal: AbortSignal,
): Promise<net.Socket | undefined> {
  signal.throwIfAborted();
  return new Promise<net.Socket | undefined>((resolve, reject) => {
    const attempts = new Set<net.Socket>();
    const finish = (act: () => void): void => {
      clearInterval(again);
      clearTimeout(end);
      signal.removeEventListener('abort', onAbort);
      for (const attempt of attempts) attempt.destroy();
      act();
    };
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    const attempt = (): void => {
      const socket = net.connect({ host, port, noDelay: true });
      attempts.add(socket);
      // Nobody listens yet; the next attempt follows.
      socket.on('error', () => attempts.delete(socket));
      socket.once('connect', () => {
        attempts.delete(socket);
        finish(() => resolve(socket));
      });
    };
    const again = setInterval(attempt, againMs);
    const end = setTimeout(() => finish(() => resolve(undefined)), forMs);
    signal.addEventListener('abort', onAbort, { once: true });
    attempt();
  });
}
