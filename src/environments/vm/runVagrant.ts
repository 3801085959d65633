import * as l10n from '@vscode/l10n';
import { pollUntil } from '../../base/abort.ts';
import type { Command, Runner } from '../../base/process.ts';
import { isLocked, spokenLines, vagrantError } from '../../engines/vagrant.ts';
import type { OperationOptions } from '../environment.ts';

/**
 * Runs Vagrant; another process that works on the same machine is waited for, and then named.
 * @param lockMs how long to wait for it, in milliseconds
 * @throws SwitchyardError
 */
export async function runVagrant(
  runner: Runner,
  command: Command<void>,
  { what, lockMs }: { readonly what: string; readonly lockMs: number },
  { progress, signal }: OperationOptions,
): Promise<void> {
  let told = false;
  let locked: unknown;
  const done = await pollUntil(
    async () => {
      try {
        await runner.run(command, {
          signal,
          onLine: (line) => spokenLines(line).forEach((text) => progress.line(text)),
        });
        return true;
      } catch (error) {
        if (!isLocked(error)) throw vagrantError(error, what);
        locked = error;
        if (!told) progress.line(l10n.t('Waiting for another Vagrant process that works on this machine.'));
        told = true;
        return undefined;
      }
    },
    { everyMs: 500, timeoutMs: lockMs, signal },
  );
  if (!done) throw vagrantError(locked, what);
}
