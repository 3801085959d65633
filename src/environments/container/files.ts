import * as l10n from '@vscode/l10n';
import type { DockerEngine } from '../../engines/docker.ts';
import { statusOf } from '../../engines/dockerErrors.ts';

/** Of a tar archive's header, in bytes: its own size, and where the size and the kind of the entry stand. */
const block = 512;
const sizeAt = { from: 124, to: 136 };
const kindAt = 156;

/** The kinds under which a tar archive has a plain file. */
const plain = new Set(['0', '\0']);

/**
 * A small file of a container, whether that runs or not; no program is started in it. Undefined where there
 * is no such file, or it is a link.
 * @throws SwitchyardError
 */
export async function readContainerFile(
  engine: DockerEngine,
  containerId: string,
  file: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  return engine.ask(
    l10n.t('A file of the container could not be read.'),
    async (docker) => {
      try {
        const archive = await docker.getContainer(containerId).getArchive({ path: file });
        const chunks: Buffer[] = [];
        for await (const chunk of archive) chunks.push(chunk as Buffer);
        return firstFileOf(Buffer.concat(chunks));
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    { signal },
  );
}

/**
 * The text of a tar archive's first entry; undefined where that is no file.
 * @see POSIX.1-2017, pax, "ustar Interchange Format"
 */
export function firstFileOf(archive: Buffer): string | undefined {
  if (archive.length < block || !plain.has(String.fromCharCode(archive[kindAt] ?? 0))) return undefined;
  const size = Number.parseInt(archive.toString('latin1', sizeAt.from, sizeAt.to), 8);
  return archive.toString('utf8', block, block + size);
}
