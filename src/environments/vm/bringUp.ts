import type { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Connection } from '../../connections/connection.ts';
import type { OpenResult, OperationOptions } from '../environment.ts';
import { awaitEntrypoints } from './entrypoints.ts';
import { mountAll, planOf } from './mounts/vmMounts.ts';
import type { MachineRecord } from './record.ts';
import { startServices } from './services/guestServices.ts';

/**
 * What stands between a boot and its hooks: the mounts, then the features' entrypoints.
 * @param folder the workspace on this computer
 * @returns what is missing in a machine that can be worked in all the same
 * @throws SwitchyardError `vm.mounts`
 */
export async function bringUp(
  connection: Connection,
  folder: string,
  record: MachineRecord,
  log: Logger,
  signal: AbortSignal,
): Promise<SwitchyardError | undefined> {
  const missing = await mountAll(connection, planOf(folder, record), record, log, signal);
  const failed = record.entrypoints ? await awaitEntrypoints(connection, signal) : undefined;
  if (failed) log.warn(`${connection.description}: ${failed.message}\n${failed.detail ?? ''}`);
  return missing ?? failed;
}

/**
 * Once the workspace is in: the other services of the compose file. That the image has nothing to run them is
 * told when the machine is made; after that the tree says it.
 * @returns what is missing in a machine that can be worked in all the same
 */
export async function bringUpServices(
  connection: Connection,
  { services }: MachineRecord,
  how: NonNullable<OpenResult['start']>['how'],
  log: Logger,
  options: OperationOptions,
): Promise<SwitchyardError | undefined> {
  if (!services || (services.without && how !== 'create')) return undefined;
  return startServices(connection, services, log, options);
}
