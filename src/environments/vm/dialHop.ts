import type { Duplex } from 'node:stream';
import { dialThrough, type SshHost } from '../../engines/sshDial.ts';
import { atFirstWord, firstAnswer } from './firstAnswer.ts';

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
  const begin = (answered: () => void): Duplex => atFirstWord(dialThrough(through, host, port), answered);
  return firstAnswer(begin, { againMs, forMs }, signal);
}
