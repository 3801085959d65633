import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';
import type { MergedConfiguration } from '../../engines/devcontainerCli.ts';
import { probeUserEnv } from '../userEnv.ts';
import { installAgent } from './bootAgent.ts';
import { hostName, prepareGuest, withUserEnv } from './guestSetup.ts';
import type { MountPlan } from './mounts/plan.ts';
import { installInto } from './mounts/vmMounts.ts';
import type { MachineRecord } from './record.ts';

/** How long the person's shell may take to start in software emulation on a busy computer, in milliseconds. */
const probeMs = 60_000;

/**
 * Makes a machine that runs for the first time the project's own: its name, its disk, its mounts, its workspace folder
 * and the environment of its programs, with what the user's shell sets up (`userEnvProbe`).
 * @returns the environment of its programs, and the sync's agent that it starts at each boot
 * @throws SwitchyardError `vagrant.failed`, `vm.mounts`
 */
export async function settleIn(
  connection: Connection,
  record: MachineRecord,
  project: { readonly projectName: string; readonly plan: MountPlan; readonly log: Logger },
  signal: AbortSignal,
): Promise<Pick<MachineRecord, 'env' | 'agent'>> {
  const merged: MergedConfiguration = record.merged;
  const probe = merged.userEnvProbe ?? 'loginInteractiveShell';
  // Before anybody looks into a home folder: it may be a volume.
  await installInto(connection, project.plan, record, signal);
  const userEnv = await probeUserEnv(connection, probe, project.log, signal, probeMs);
  const env = withUserEnv(record.env, userEnv, merged.remoteEnv);
  const argv = prepareGuest({ ...record, env, hostName: hostName(project.projectName) });
  const prepared = await run(connection, { argv, user: 'root', cwd: '/', env: {} }, signal);
  if (prepared.code === 0) {
    const agent = await installAgent(connection, { user: record.user, env }, project.log, signal);
    return { env, ...(agent === undefined ? {} : { agent }) };
  }
  throw new SwitchyardError({
    code: 'vagrant.failed',
    what: l10n.t('The virtual machine could not be prepared.'),
    why: prepared.stderr.toString('utf8').trim() || l10n.t('Its setup ended without a word.'),
    next: l10n.t('The log has the whole output.'),
  });
}
