import { cp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';

/**
 * The sample project as a person may play with it: a copy outside the sources, made once, so that nothing
 * they do there shows up in git and nothing they did there is overwritten.
 */
export async function bringSample(
  root: string,
  cache: string = cacheFolder(),
): Promise<{ readonly folder: string; readonly isNew: boolean }> {
  const folder = join(cache, 'sample');
  if ((await stat(folder).catch(ignoreMissing)) !== undefined) return { folder, isNew: false };
  const growing = `${folder}.partial`;
  await rm(growing, { recursive: true, force: true });
  await cp(join(root, 'test', 'fixtures', 'sample'), growing, { recursive: true });
  await rename(growing, folder);
  return { folder, isNew: true };
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
