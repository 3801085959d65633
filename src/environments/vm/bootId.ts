import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';

/**
 * What the guest's kernel calls its present boot.
 * @see proc_sys_kernel(5), `random/boot_id`
 * @throws SwitchyardError `ssh.failed`
 */
export async function readBootId(connection: Connection, signal: AbortSignal): Promise<string> {
  const argv = ['cat', '/proc/sys/kernel/random/boot_id'];
  const { code, stdout, stderr } = await run(connection, { argv, cwd: '/' }, signal);
  const id = stdout.toString('utf8').trim();
  if (code === 0 && id !== '') return id;
  throw new SwitchyardError({
    code: 'ssh.failed',
    what: l10n.t('The virtual machine does not say since when it runs.'),
    why: stderr.toString('utf8').trim() || l10n.t('It printed nothing.'),
    next: l10n.t('Restart it.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
  });
}
