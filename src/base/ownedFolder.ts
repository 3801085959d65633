import { mkdtempSync, writeFileSync } from 'node:fs';
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { isOwnerGone, ownerTag } from './processLedger.ts';

/** In each such folder: whose it is. Without it a folder is nobody's, and stays. */
export const ownerFile = 'owner';

/**
 * Makes a folder that must not outlive this process, which removes it itself. Where it is killed before that,
 * `sweepOwnedFolders` of another process does.
 * @param prefix absolute path that the folder's begins with
 */
export function makeOwnedFolder(prefix: string): string {
  const folder = mkdtempSync(prefix);
  writeFileSync(path.join(folder, ownerFile), ownerTag(), { mode: 0o600 });
  return folder;
}

/**
 * Removes the folders whose owner is certainly gone.
 * @param prefix as they were made with
 * @throws AggregateError of what could not be removed, once all else is
 */
export async function sweepOwnedFolders(prefix: string): Promise<void> {
  const parent = path.dirname(prefix);
  const names = (await readdir(parent)).filter((name) => name.startsWith(path.basename(prefix)));
  const outcomes = await Promise.allSettled(names.map((name) => sweep(path.join(parent, name))));
  const problems = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  if (problems.length > 0)
    throw new AggregateError(problems, `Folders under ${prefix} could not be removed.`);
}

async function sweep(folder: string): Promise<void> {
  try {
    // Where everybody may write, somebody else could put a link there while its content is being removed.
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid)) return;
    if (!isOwnerGone(await readFile(path.join(folder, ownerFile), 'utf8'))) return;
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    // Nobody's, just being made, or removed by its owner or another process meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
