import net from 'node:net';
import { atFirstWord, firstAnswer } from './firstAnswer.ts';

/** After how long without an answer to try once more beside the attempts under way, in milliseconds. */
const againMs = 250;

/**
 * What `dial` is for a port that is passed on: whoever passes it on takes each connection at once, whether or not the
 * machine behind listens. The first word of the machine's SSH server tells that it was reached.
 * @returns undefined where nobody answered for `forMs` milliseconds
 */
export async function dialForwarded(
  { host, port }: { readonly host: string; readonly port: number },
  forMs: number,
  signal: AbortSignal,
): Promise<net.Socket | undefined> {
  const begin = (answered: () => void): net.Socket =>
    atFirstWord(net.connect({ host, port, noDelay: true }), answered);
  return firstAnswer(begin, { againMs, forMs }, signal);
}
