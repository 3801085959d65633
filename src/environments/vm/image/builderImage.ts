import { Readable } from 'node:stream';
import * as l10n from '@vscode/l10n';
import type Docker from 'dockerode';
import { SwitchyardError } from '../../../base/errors.ts';
import type { Progress } from '../../../base/progress.ts';
import { buildLabel } from '../../buildLabel.ts';
import { buildFailure } from './buildContainer.ts';
import { builderContext } from './guestFiles.ts';
import { contentKey } from './keys.ts';
import { packFiles } from './tar.ts';

const builderName = 'switchyard-box-builder';

/** Name and content of the builder image go together: another recipe is another image. */
export const builderTag = `${builderName}:${contentKey(
  ...builderContext().flatMap((file) => [file.path, file.content]),
)}`;

/**
 * Builds the builder image where it is not there.
 * @throws SwitchyardError `image.buildFailed`, `image.unavailable`, `disk.full`
 */
export async function ensureBuilder(docker: Docker, progress: Progress, signal: AbortSignal): Promise<void> {
  try {
    await docker.getImage(builderTag).inspect();
    return;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode !== 404) throw error;
  }
  progress.step(l10n.t('Preparing the box builder, once on this computer'));
  const what = l10n.t('The box builder could not be prepared.');
  const stream = await docker.buildImage(Readable.from([await packFiles(builderContext())]), {
    t: builderTag,
    forcerm: true,
    labels: { [buildLabel]: 'builder' },
    abortSignal: signal,
  });
  const output: string[] = [];
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error) => (error ? reject(error) : resolve()),
      (event: { stream?: string; status?: string; error?: string }) => {
        const line = (event.stream ?? event.error ?? event.status ?? '').trimEnd();
        if (line === '') return;
        output.push(line);
        progress.line(line);
      },
    );
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    const text = `${output.join('\n')}\n${error instanceof Error ? error.message : String(error)}`;
    throw /pull access denied|manifest unknown|not found: manifest|dial tcp|no such host|timeout|connection refused/i.test(
      String(error),
    )
      ? new SwitchyardError({
          code: 'image.unavailable',
          what,
          why: l10n.t('The image debian:bookworm is not on this computer and could not be fetched.'),
          next: l10n.t('Check the connection, or load that image into the engine, and try again.'),
          remedies: [{ do: 'retry' }, { do: 'showLog' }],
          detail: text,
          cause: error,
        })
      : buildFailure(what, text, error);
  });
  // All that stays where it fails is room on the disk that is not free.
  await removeOldBuilders(docker, signal).catch((error: unknown) => progress.line(String(error)));
}

/** Removes the builder images of other versions, but what a container is made of just now. */
export async function removeOldBuilders(docker: Docker, signal: AbortSignal): Promise<void> {
  const filters = JSON.stringify({ reference: [builderName] });
  const images = await docker.listImages({ filters, abortSignal: signal });
  for (const name of images.flatMap(({ RepoTags }) => RepoTags ?? [])) {
    if (name === builderTag) continue;
    try {
      await docker.getImage(name).remove({ abortSignal: signal });
    } catch (error) {
      // 404: another window was quicker. 409: in use.
      if (![404, 409].includes((error as { statusCode?: number }).statusCode ?? 0)) throw error;
    }
  }
}
