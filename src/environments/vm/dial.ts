import net from 'node:net';
import { firstAnswer } from './firstAnswer.ts';

/** After how long without an answer to try once more beside the attempts under way, in milliseconds. */
const againMs = 100;

/**
 * A TCP connection to whoever listens there, as soon as somebody does. What was sent to a machine before it
 * was there the system repeats only after one second and then ever later, so attempts follow each other
 * quicker than that.
 * @returns undefined where nobody answered for `forMs` milliseconds
 */
export async function dial(
  { host, port }: { readonly host: string; readonly port: number },
  forMs: number,
  signal: AbortSignal,
): Promise<net.Socket | undefined> {
  const begin = (answered: () => void): net.Socket =>
    net.connect({ host, port, noDelay: true }).once('connect', answered);
  return firstAnswer(begin, { againMs, forMs }, signal);
}
