import type { Logger } from '../../base/log.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';
import { agentForBoot } from '../../sync/guest/waitingAgent.ts';
import { agentProgram, agentSocket } from './image/wayIn.ts';
import type { MachineRecord } from './record.ts';

const install = `set -eu
umask 077
cat > "$1.new"
mv "$1.new" "$1"`;

/**
 * Puts the sync's agent into a machine, which starts it at each boot from the next one on, while whoever comes logs in.
 * Where it cannot be put (a disk that is full, say) the sync starts its own, which takes longer.
 * @param machine with the name of the agent that it has
 * @returns the agent's name, for the record; undefined where it has none
 */
export async function installAgent(
  connection: Connection,
  machine: Pick<MachineRecord, 'user' | 'env' | 'agent'>,
  log: Logger,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { name, program } = await agentForBoot(agentSocket, machine);
  if (name === machine.agent) return name;
  const argv = ['/bin/sh', '-c', install, 'install', agentProgram];
  const options = { argv, user: 'root', cwd: '/', env: {}, input: program };
  const { code, stderr } = await run(connection, options, signal);
  if (code === 0) return name;
  log.info(`${connection.description}: no agent waits at its next boot: ${stderr.toString('utf8').trim()}`);
  return undefined;
}

/** Whether the agent that a machine starts while it boots is this version's. */
export async function waitsAtBoot(record: MachineRecord): Promise<boolean> {
  return record.agent !== undefined && record.agent === (await agentForBoot(agentSocket, record)).name;
}
