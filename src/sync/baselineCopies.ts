import * as fs from 'node:fs/promises';
import * as path from 'node:path';

/** Where it is kept what both sides agreed on. */
export function baselineFolder(stateFolder: string): string {
  return path.join(stateFolder, 'baseline');
}

/** Copies it into a new folder. */
export async function keepBaseline(stateFolder: string, folder: string): Promise<void> {
  await fs.cp(baselineFolder(stateFolder), folder, { recursive: true });
}

/** Puts what was kept in `folder` in the place of what is there; without a folder, nothing. */
export async function takeBaseline(stateFolder: string, folder: string | undefined): Promise<void> {
  const place = baselineFolder(stateFolder);
  // A crash in between leaves none, which costs a comparison; the one of another moment would cost data.
  await fs.rm(place, { recursive: true, force: true });
  if (folder === undefined) return;
  const next = `${place}.next`;
  await fs.rm(next, { recursive: true, force: true });
  await fs.cp(folder, next, { recursive: true });
  await fs.rename(next, place);
}
