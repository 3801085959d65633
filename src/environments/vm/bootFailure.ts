import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import { lastLines } from '../../base/process.ts';

/** Why a machine that was made did not come up, with what it printed. */
export function bootFailure(error: unknown, console: string | undefined): unknown {
  if (!(error instanceof SwitchyardError) || !['vagrant.failed', 'timeout'].includes(error.code))
    return error;
  if (/boot|ssh|timed? ?out|IP address/i.test(error.why)) {
    return noAnswer(/IP address|Fog::Errors::Timeout/i.test(error.why) ? 'address' : 'ssh', console, error);
  }
  return error;
}

/** The machine runs but has no address, or nobody answers there. */
export function noAnswer(
  missing: 'address' | 'ssh',
  console: string | undefined,
  cause?: unknown,
): SwitchyardError {
  return new SwitchyardError({
    code: missing === 'address' ? 'vm.noAddress' : 'vm.noSsh',
    what: l10n.t('The virtual machine did not come up.'),
    why: [
      missing === 'address'
        ? l10n.t('It asked for no address on the network.')
        : l10n.t('It has an address, but its SSH server does not answer.'),
      console === undefined
        ? l10n.t('What it prints on its console is not read from another computer.')
        : console === ''
          ? l10n.t('It printed nothing on its console.')
          : l10n.t('The last that it printed on its console: {0}', lastLines(console, 3)),
    ].join(' '),
    next: console
      ? l10n.t('The log has its console. Try again, or rebuild it.')
      : l10n.t('Try again, or rebuild it.'),
    remedies: [{ do: 'showLog' }, { do: 'retry' }, { do: 'rebuild', kind: 'vm' }],
    ...(console === undefined ? {} : { detail: console }),
    cause,
  });
}
