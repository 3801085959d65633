import type { Duplex } from 'node:stream';
import { dialThrough, type SshHost } from '../../engines/sshDial.ts';

/** After how long without an answer to try once more beside the attempts under way, in milliseconds. */
const againMs = 1_000;

/**
 * What `dial` is for a machine that lies on another computer's network: a connection by that computer, as soon as
 * somebody answers. Each attempt is a login over there, and the first word of the machine's SSH server tells that it
 * was reached: ssh itself says nothing until then.
 * @returns undefined where nobody answered for `forMs` milliseconds
 */
export async function dialHop(
  { through, host, port }: { readonly through: SshHost; readonly host: string; readonly port: number },
  forMs: number,
  signal: AbortSignal,
): Promise<Duplex | undefined> {
  signal.throwIfAborted();
  return new Promise<Duplex | undefined>((resolve, reject) => {
    const attempts = new Set<Duplex>();
    const finish = (act: () => void): void => {
      clearInterval(again);
      clearTimeout(end);
      signal.removeEventListener('abort', onAbort);
      for (const attempt of attempts) attempt.destroy();
      act();
    };
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    const attempt = (): void => {
      const stream = dialThrough(through, host, port);
      attempts.add(stream);
      // Nobody listens yet; the next attempt follows.
      stream.on('error', () => attempts.delete(stream));
      stream.once('end', () => attempts.delete(stream));
      stream.once('readable', () => {
        // Its end is readable too, and brings nothing.
        if (!attempts.has(stream) || stream.readableLength === 0) return;
        attempts.delete(stream);
        finish(() => resolve(stream));
      });
    };
    const again = setInterval(attempt, againMs);
    const end = setTimeout(() => finish(() => resolve(undefined)), forMs);
    signal.addEventListener('abort', onAbort, { once: true });
    attempt();
  });
}
