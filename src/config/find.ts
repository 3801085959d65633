import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** A devcontainer.json of a workspace folder. */
export interface ConfigLocation {
  /** Absolute path. */
  readonly file: string;
  /** Path relative to the workspace folder, with `/`; tells several apart. */
  readonly label: string;
}

/**
 * The devcontainer.json files of a folder, in the spec's order of precedence: `.devcontainer/`, the
 * folder itself, then the named ones in `.devcontainer/<name>/` (one level deep) by name.
 * @see https://containers.dev/implementors/spec/#devcontainerjson
 */
export async function findConfigs(folder: string): Promise<readonly ConfigLocation[]> {
  const labels = ['.devcontainer/devcontainer.json', '.devcontainer.json'];
  for (const name of (await namesIn(path.join(folder, '.devcontainer'))).sort()) {
    labels.push(`.devcontainer/${name}/devcontainer.json`);
  }
  const found = await Promise.all(
    labels.map(async (label) => {
      const file = path.join(folder, ...label.split('/'));
      return (await isFile(file)) ? [{ file, label }] : [];
    }),
  );
  return found.flat();
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
