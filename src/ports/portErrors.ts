import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';

/** @param port as the person knows it */
export function notRunning(port: string): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.gone',
    what: l10n.t('Port {0} cannot be forwarded.', port),
    why: l10n.t('The environment does not run.'),
    next: l10n.t('Open it first.'),
    remedies: [],
  });
}

/** For a port whose number the config insists on. */
export function taken(port: number): SwitchyardError {
  return new SwitchyardError({
    code: 'port.taken',
    what: l10n.t('Port {0} is not forwarded.', port),
    why: l10n.t('It is taken on this computer, and the configuration wants no other.'),
    next: l10n.t('End what uses it, then choose "Forward a Port…".'),
    remedies: [],
  });
}
