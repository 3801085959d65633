import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Runner } from '../../base/process.ts';
import type { OperationOptions } from '../environment.ts';
import { parseHook } from './plan.ts';

/** A hook may rightly take very long, and a person can cancel it: the longest that a timer can wait. */
const unbounded = 2 ** 31 - 1;

/**
 * Runs `initializeCommand`: on the host, in the workspace folder, before anything is made or started.
 * @param command in any of the spec's forms, with its variables substituted; undefined where there is none
 * @throws SwitchyardError `hook.failed`
 */
export async function runInitializeCommand(
  runner: Runner,
  folder: string,
  command: unknown,
  { progress, signal }: OperationOptions,
): Promise<void> {
  const steps = parseHook('initializeCommand', command);
  if (steps.length === 0) return;
  progress.step(l10n.t('Running {0}', 'initializeCommand'));
  const settled = await Promise.allSettled(
    steps.map(({ argv: [program = '', ...args] }) =>
      runner.run(
        { program, args, cwd: folder, timeoutMs: unbounded, parse: () => undefined },
        { signal, onLine: (line) => progress.line(line) },
      ),
    ),
  );
  signal.throwIfAborted();
  const failed = settled.find((one) => one.status === 'rejected');
  if (!failed) return;
  throw new SwitchyardError({
    code: 'hook.failed',
    what: l10n.t('{0} failed.', 'initializeCommand'),
    why: failed.reason instanceof Error ? failed.reason.message : String(failed.reason),
    next: l10n.t('Correct it in the configuration and try again; it runs on this computer.'),
    remedies: [{ do: 'showLog' }, { do: 'retry' }],
    cause: failed.reason,
  });
}
