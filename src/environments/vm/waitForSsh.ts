import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SwitchyardError } from '../../base/errors.ts';
import { connectSsh, type SshConnection, type SshDefaults } from '../../connections/sshConnection.ts';
import { noAnswer, type Machine } from './machine.ts';

export interface SshAccess {
  readonly user: string;
  readonly privateKey: string;
  readonly hostKey: string;
}

/** How long to wait for an answer to a TCP connection attempt, and between two attempts, in milliseconds. */
const probeMs = 2_000;
const pauseMs = 100;
/** How long one handshake may take, in milliseconds. */
const patienceMs = 120_000;

/**
 * Connects to a machine as soon as its SSH server answers. The address of the last time is tried at once,
 * because a machine nearly always gets it again; the host key tells whether it is the right machine.
 * @throws SwitchyardError `vm.noAddress`, `vm.noSsh`, `ssh.hostKey`, `environment.gone`
 */
export async function waitForSsh(
  machine: Machine,
  access: SshAccess,
  defaults: SshDefaults,
  options: {
    readonly lastAddress: string | undefined;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<{ connection: SshConnection; address: string }> {
  const { signal } = options;
  const deadline = performance.now() + options.timeoutMs;
  let address = options.lastAddress;
  let lastFailure: unknown;
  let nextLook = 0;
  for (;;) {
    signal.throwIfAborted();
    if (performance.now() >= nextLook) {
      // Also while there is an address: it may have got another one, or have stopped.
      const [current, info] = await Promise.all([machine.address(signal), machine.info(signal)]);
      if (info?.state !== 'running') throw noAnswer(address ? 'ssh' : 'address', await machine.console());
      address = current ?? address;
      nextLook = performance.now() + 3_000;
    }
    if (address !== undefined && (await answers(address, signal))) {
      try {
        const target = { ...access, host: address, port: 22, hostKeys: [access.hostKey], admin: 'root' };
        // To give up a slow handshake and begin another makes a slow guest slower.
        const loginMs = Math.max(probeMs, Math.min(patienceMs, deadline - performance.now()));
        return { connection: await connectSsh(target, defaults, signal, loginMs), address };
      } catch (error) {
        // Its SSH server may be starting; another machine's key is no matter of time, unless that machine
        // only sits at the address of the last time.
        const wrong = error instanceof SwitchyardError && error.code === 'ssh.hostKey';
        if (wrong && (await machine.address(signal)) === address) throw error;
        lastFailure = error;
      }
    }
    if (performance.now() > deadline) {
      throw noAnswer(address === undefined ? 'address' : 'ssh', await machine.console(), lastFailure);
    }
    await delay(pauseMs, undefined, { signal });
  }
}

/** Whether something listens on port 22. */
async function answers(host: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  return new Promise<boolean>((resolve, reject) => {
    const socket = net.connect({ host, port: 22, timeout: probeMs });
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    const finish = (act: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      act();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => finish(() => resolve(true)));
    socket.once('timeout', () => finish(() => resolve(false)));
    socket.on('error', () => finish(() => resolve(false)));
  });
}
