import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import { configFingerprint } from '../../config/fingerprint.ts';
import type { Project } from '../../config/project.ts';
import type { ContainerRecord } from './record.ts';

/** True where a rebuild would make another container than the one on record. */
export async function hasDrifted(project: Project, record: ContainerRecord | undefined): Promise<boolean> {
  if (!record || project.configFile === undefined) return false;
  try {
    return (await configFingerprint(project.configFile)) !== record.fingerprint;
  } catch (error) {
    // Without its config nothing can be made anew, so nothing is to be applied.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

export function notRunning(project: Project): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.gone',
    what: l10n.t('The container of "{0}" cannot be reached.', project.name),
    why: l10n.t('It does not run, or was not opened by Switchyard yet.'),
    next: l10n.t('Open it first.'),
    remedies: [{ do: 'retry' }],
  });
}
