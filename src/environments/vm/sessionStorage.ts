import os from 'node:os';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type { Runner } from '../../base/process.ts';
import { sessionCommands } from '../../engines/virshSession.ts';
import { virshError } from '../../engines/virshErrors.ts';

/** The pool that Vagrant's libvirt provider takes by default. */
const pool = 'default';

/**
 * Brings up the storage of a person's own libvirt. Vagrant makes the pool too, but never starts one that is there,
 * and that libvirt ends, and its pools with it, two minutes after its last machine and client.
 * @throws SwitchyardError `libvirt.*`
 */
export async function ensureSessionPool(runner: Runner, signal: AbortSignal): Promise<void> {
  try {
    const state = (await runner.run(sessionCommands.pools(), { signal })).get(pool);
    if (state === 'active') return;
    if (state === undefined) {
      await runner.run(sessionCommands.poolDefine(pool, sessionImages()), { signal });
      await runner.run(sessionCommands.poolBuild(pool), { signal });
    }
    await runner.run(sessionCommands.poolStart(pool), { signal });
    await runner.run(sessionCommands.poolAutostart(pool), { signal });
  } catch (error) {
    signal.throwIfAborted();
    // Another window brought it up at the same moment; else what failed first is told.
    const pools = await runner.run(sessionCommands.pools(), { signal }).catch(() => undefined);
    if (pools?.get(pool) === 'active') return;
    throw virshError(error, l10n.t('The storage of the virtual machines could not be made.'));
  }
}

/** Where Vagrant's libvirt provider keeps the disks of a session. */
function sessionImages(): string {
  return path.join(os.homedir(), '.local', 'share', 'libvirt', 'images');
}
