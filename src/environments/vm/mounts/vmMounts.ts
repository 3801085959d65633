import { statSync } from 'node:fs';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { lastLines } from '../../../base/process.ts';
import type { Connection } from '../../../connections/connection.ts';
import { run } from '../../../connections/run.ts';
import type { MachineRecord } from '../record.ts';
import { copyIn } from './copyIn.ts';
import { installMounts, mountProgram, mountScript } from './guestMounts.ts';
import { planMounts, type MountPlan } from './plan.ts';

type Made = Pick<MachineRecord, 'merged' | 'workspaceFolder' | 'user'>;

/** @param folder the workspace on this computer */
export function mountsOf(
  folder: string,
  { merged, workspaceFolder }: Pick<Made, 'merged' | 'workspaceFolder'>,
): MountPlan {
  const isFile = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  return planMounts(merged, { hostFolder: folder, guestFolder: workspaceFolder, isFile });
}

/** What a machine has that is there. @param folder the workspace on this computer */
export function planOf(folder: string, record: MachineRecord): MountPlan {
  return record.mounts ? mountsOf(folder, record) : { mounts: [], ignored: [] };
}

/**
 * Puts everything that the config mounts into a new machine, but for what is brought in at each start.
 * @throws SwitchyardError `vm.mounts`
 */
export async function installInto(
  connection: Connection,
  plan: MountPlan,
  made: Made,
  signal: AbortSignal,
): Promise<void> {
  if (plan.mounts.length === 0) return;
  const input = mountScript(plan.mounts, made);
  const done = await run(connection, { argv: installMounts, user: 'root', cwd: '/', env: {}, input }, signal);
  if (done.code !== 0) throw notMounted(done.stderr.toString('utf8'));
}

/**
 * After each start, before the hooks: brings in what is copied, and sees to it that everything is mounted.
 * @returns what is missing in a machine that can be worked in all the same
 * @throws SwitchyardError `vm.mounts` where a mount failed
 */
export async function mountAll(
  connection: Connection,
  plan: MountPlan,
  made: Made,
  log: Logger,
  signal: AbortSignal,
): Promise<SwitchyardError | undefined> {
  if (plan.mounts.length === 0) return undefined;
  const copies = plan.mounts.filter((mount) => mount.how === 'copy');
  const missing: string[] = [];
  const owner = copies.length > 0 ? await idsOf(connection, signal) : { uid: 0, gid: 0 };
  for (const copy of copies) {
    const why = await copyIn(connection, copy, owner, signal);
    if (why !== undefined) missing.push(why);
  }
  const done = await run(connection, { argv: [mountProgram], user: 'root', cwd: '/', env: {} }, signal);
  if (done.code !== 0) throw notMounted(done.stderr.toString('utf8'));
  if (missing.length === 0) return undefined;
  for (const why of missing) log.warn(`Mounts of ${made.workspaceFolder}: ${why}`);
  return new SwitchyardError({
    code: 'vm.mounts',
    what: l10n.t('Something that the configuration mounts is not in the virtual machine.'),
    why: missing.join(' '),
    next: l10n.t('Mend it and restart the virtual machine, or take it out of "mounts".'),
    remedies: [{ do: 'showLog' }],
  });
}

/** Of the user who works in the machine. */
async function idsOf(connection: Connection, signal: AbortSignal): Promise<{ uid: number; gid: number }> {
  const argv = ['/bin/sh', '-c', 'id -u; id -g'];
  const { stdout } = await run(connection, { argv, cwd: '/' }, signal);
  const [uid = 0, gid = 0] = stdout.toString('utf8').trim().split('\n').map(Number);
  return { uid, gid };
}

function notMounted(said: string): SwitchyardError {
  return new SwitchyardError({
    code: 'vm.mounts',
    what: l10n.t('Something that the configuration mounts could not be mounted in the virtual machine.'),
    why: lastLines(said, 3) || l10n.t('It ended without a word.'),
    next: l10n.t('Change "mounts", or rebuild the virtual machine.'),
    remedies: [{ do: 'showLog' }, { do: 'rebuild', kind: 'vm' }],
    detail: said,
  });
}
