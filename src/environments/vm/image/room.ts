import { statfs } from 'node:fs/promises';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../../base/errors.ts';
import { exists } from '../../../base/exists.ts';

/** Bytes that must be free before a box is built: image, disk and box lie on the disk at the same time. */
const neededBytes = 2 * 2 ** 30;

/** Whether a box can be built with what is free on the disks of these folders. @throws SwitchyardError `disk.full` */
export async function expectRoom(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    if (!(await exists(folder))) continue;
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize >= neededBytes) continue;
    throw new SwitchyardError({
      code: 'disk.full',
      what: l10n.t('The box of the virtual machine could not be built.'),
      why: l10n.t(
        'Less than {0} GB are free on the disk that holds {1}.',
        Math.round(neededBytes / 2 ** 30),
        folder,
      ),
      next: l10n.t(
        'Free some: virtual machines and boxes of other projects, images that are no longer needed.',
      ),
      remedies: [{ do: 'retry' }, { do: 'showLog' }],
    });
  }
}
