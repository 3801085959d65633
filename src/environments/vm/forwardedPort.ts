import { createHash } from 'node:crypto';
import { CommandFailed, type Runner } from '../../base/process.ts';
import { loopback, sessionCommands } from '../../engines/virshSession.ts';
import type { MachineAddress } from './machineAddress.ts';

const sshPort = 22;

/** Above what systems give out by themselves, so that a port is nearly always free again at the next start. */
const ports = { first: 61_000, last: 65_535 };

/**
 * Where the SSH server of a machine with a user-mode network is reached: that network has no addresses from outside,
 * so QEMU passes on a port of this computer. Each QEMU begins without one, also one that wakes with the machine's
 * memory; whoever asks first has it passed on.
 * @returns undefined where the machine does not run
 * @throws CommandFailed
 */
export async function forwardedPort(
  runner: Runner,
  domain: string,
  signal: AbortSignal,
): Promise<MachineAddress | undefined> {
  try {
    for (const wanted of [undefined, usualPort(domain), 0]) {
      if (wanted !== undefined) {
        await runner.run(sessionCommands.forward(domain, wanted, sshPort), { signal });
      }
      const forwards = await runner.run(sessionCommands.forwards(domain), { signal });
      // Two windows may have asked at once: all of them take the same.
      const [port] = forwards
        .filter(({ guestPort }) => guestPort === sshPort)
        .map(({ hostPort }) => hostPort)
        .sort((a, b) => b - a);
      if (port !== undefined) return { host: loopback, port };
    }
    return undefined;
  } catch (error) {
    if (error instanceof CommandFailed && /domain is not running/i.test(error.stderr)) return undefined;
    throw error;
  }
}

/** The same at each start, so that an SSH client that was told it gets in again. */
export function usualPort(domain: string): number {
  const number = createHash('sha256').update(domain).digest().readUInt32BE(0);
  return ports.first + (number % (ports.last - ports.first + 1));
}
