import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';
import { leaveAgent } from '../../sync/guest/waitingAgent.ts';
import { guestInit } from './guestInit.ts';
import { agentSocket } from './image/wayIn.ts';
import { clockToleranceMs, setGuestClock, setTime, timeFor } from './guestClock.ts';

/**
 * Notes who is logged in: they are in the snapshot's memory, and their other ends are not. And makes a folder for the
 * socket, which is its user's alone.
 */
const prepare = `rm -rf /run/switchyard-agent
mkdir -m 700 /run/switchyard-agent && chown "$1" /run/switchyard-agent || exit
read -r sshd < /run/sshd.pid
cat "/proc/$sshd/task/$sshd/children" > /run/switchyard-logins`;

/**
 * Sets the clock, which stood still, ends the logins of that moment, and asks for the address once more: the lease may be
 * over, and given away.
 */
const wakeUp = `${setTime('$1')}
read -r logins < /run/switchyard-logins || :
for pid in $logins; do kill "$pid" || :; done
rm -f /run/switchyard-logins
if read -r dhcp < /run/switchyard-dhcp.pid; then kill -USR1 "$dhcp"; fi`;

/**
 * Waits until the machine has nothing to do but what its user asks, for two minutes at most: what a snapshot finds
 * half-started goes on starting after each time that it is restored, and whoever comes back waits for it.
 * @throws SwitchyardError `ssh.failed`
 */
export async function untilCalm(connection: Connection, signal: AbortSignal): Promise<void> {
  await asRoot(connection, guestInit.settle, signal);
}

/** To be called just before the snapshot is taken. @throws SwitchyardError `ssh.failed` */
export async function prepareForSnapshot(
  connection: Connection,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  await asRoot(connection, prepare, signal, connection.user);
  if (!(await leaveAgent(connection, agentSocket, signal)))
    log.debug('The guest has no agent that could wait.');
}

/**
 * To be called in a machine that came back from a snapshot, before anything in it goes by the time.
 * @throws SwitchyardError `ssh.failed`
 */
export async function wakeFromSnapshot(connection: Connection, signal: AbortSignal): Promise<void> {
  const sent = Date.now();
  await asRoot(connection, wakeUp, signal, timeFor(sent));
  if (Date.now() - sent > clockToleranceMs) await setGuestClock(connection, signal);
}

async function asRoot(
  connection: Connection,
  script: string,
  signal: AbortSignal,
  ...more: readonly string[]
): Promise<void> {
  const argv = ['/bin/sh', '-c', script, 'sh', ...more];
  const { code, stderr } = await run(connection, { argv, user: 'root', cwd: '/', env: {} }, signal);
  if (code === 0) return;
  throw new SwitchyardError({
    code: 'ssh.failed',
    what: l10n.t('The ready snapshot cannot be used.'),
    why: stderr.toString('utf8').trim() || l10n.t('It printed nothing.'),
    next: l10n.t('Rebuild the virtual machine.'),
    remedies: [{ do: 'rebuild', kind: 'vm' }],
  });
}
