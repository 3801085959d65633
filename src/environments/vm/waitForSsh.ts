import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { SwitchyardError } from '../../base/errors.ts';
import { connectSsh, type SshConnection, type SshDefaults } from '../../connections/sshConnection.ts';
import type { SshHost } from '../../engines/sshDial.ts';
import { noAnswer } from './bootFailure.ts';
import { dial } from './dial.ts';
import { dialHop } from './dialHop.ts';
import { dialForwarded } from './dialForwarded.ts';
import { isSameAddress, type MachineAddress } from './machineAddress.ts';
import type { ProjectMachine } from './projectMachine.ts';

export interface SshAccess {
  readonly port: number;
  readonly user: string;
  readonly privateKey: string;
  /** Absolute path of the file that it was read from. */
  readonly identityFile?: string;
  readonly hostKeys: readonly string[];
  /** The account that may become any other; else sudo is asked. */
  readonly admin?: string;
  /** The computer on whose network it is, where that is not this one's. */
  readonly through?: SshHost;
}

/** How long to try an address before looking whether the machine has another one, in milliseconds. */
const dialMs = 3_000;
/** The same over another computer, where a login there comes first. */
const hopMs = 15_000;
/** Between two rounds, in milliseconds. */
const pauseMs = 100;
/** How long a handshake may take at least, in milliseconds. */
const leastMs = 2_000;
/** How long one handshake may take, in milliseconds. */
const patienceMs = 120_000;

/**
 * Connects to a machine as soon as its SSH server answers. The address of the last time is tried at once,
 * because a machine nearly always gets it again; the host key tells whether it is the right machine.
 * @throws SwitchyardError `vm.noAddress`, `vm.noSsh`, `ssh.hostKey`, `environment.gone`
 */
export async function waitForSsh(
  machine: Pick<ProjectMachine, 'address' | 'info' | 'console'>,
  access: SshAccess,
  defaults: SshDefaults,
  options: {
    readonly lastAddress: MachineAddress | undefined;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<{ connection: SshConnection; address: MachineAddress }> {
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
      nextLook = performance.now() + dialMs;
    }
    const socket = address === undefined ? undefined : await reach(access, address, signal);
    if (address !== undefined && socket) {
      try {
        const target = { ...access, ...address };
        // To give up a slow handshake and begin another makes a slow guest slower.
        const loginMs = Math.max(leastMs, Math.min(patienceMs, deadline - performance.now()));
        return { connection: await connectSsh(target, defaults, signal, loginMs, socket), address };
      } catch (error) {
        // Its SSH server may be starting; another machine's key is no matter of time, unless that machine
        // only sits at the address of the last time.
        const wrong = error instanceof SwitchyardError && error.code === 'ssh.hostKey';
        if (wrong && isSameAddress(await machine.address(signal), address)) throw error;
        lastFailure = error;
      }
    }
    if (performance.now() > deadline) {
      throw noAnswer(address === undefined ? 'address' : 'ssh', await machine.console(), lastFailure);
    }
    await delay(pauseMs, undefined, { signal });
  }
}

function reach(
  { through, port }: SshAccess,
  { host, port: forwarded }: MachineAddress,
  signal: AbortSignal,
): Promise<Duplex | undefined> {
  if (forwarded !== undefined) return dialForwarded({ host, port: forwarded }, dialMs, signal);
  return through ? dialHop({ through, host, port }, hopMs, signal) : dial({ host, port }, dialMs, signal);
}
