import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';

/** Neither way to call Compose is there. */
export function composeMissing(detail?: string): SwitchyardError {
  return new SwitchyardError({
    code: 'docker.missing',
    what: l10n.t('Docker Compose was not found.'),
    why: l10n.t(
      'The project has a compose file, and neither "docker compose" nor "docker-compose" runs here.',
    ),
    next: l10n.t('Install the Compose plugin of Docker, and try again.'),
    remedies: [{ do: 'checkRequirements' }, { do: 'retry' }, { do: 'showLog' }],
    ...(detail === undefined ? {} : { detail }),
  });
}

/**
 * @param why what Compose says, or what is missing in them
 * @param file the first to look into, absolute; undefined where none is known
 */
export function composeUnreadable(
  why: string,
  file: string | undefined,
  { cause, detail }: { readonly cause?: unknown; readonly detail?: string } = {},
): SwitchyardError {
  return new SwitchyardError({
    code: 'config.invalid',
    what: l10n.t('The compose files of the project cannot be read.'),
    why,
    next: l10n.t('Correct them, and try again.'),
    remedies: [
      ...(file === undefined ? [] : [{ do: 'openFile', file } as const]),
      { do: 'retry' },
      { do: 'showLog' },
    ],
    ...(cause === undefined ? {} : { cause }),
    ...(detail === undefined ? {} : { detail }),
  });
}
