import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** What is known of a box beside its keys; kept in its folder. */
export interface BoxRecord {
  /** Of the recipe by which it was made. */
  readonly recipe: string;
  /** Ids of the layers of the image that it was made of, in order. */
  readonly layers: readonly string[];
  /** The image has volumes: what lies in those is in no list of its files. */
  readonly hasVolumes?: boolean;
  /** Key of the box on whose disk it stands; missing where it has one of its own. */
  readonly base?: string;
}

const recordName = 'made.json';

/** Lists of files as `parseTree` reads them: of the image that a box was made of, and of that with its packages. */
export const lists = { image: 'image-files', system: 'system-files' } as const;

/** Undefined where there is no such box, or it is of a time when there were no records. */
export async function readBoxRecord(folder: string): Promise<BoxRecord | undefined> {
  try {
    return JSON.parse(await readFile(path.join(folder, recordName), 'utf8')) as BoxRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

export async function writeBoxRecord(folder: string, record: BoxRecord): Promise<void> {
  await writeFile(path.join(folder, recordName), JSON.stringify(record, undefined, 2));
}

/**
 * The box with a disk of its own, made by the same recipe, whose image shares most with another one.
 * @param folder of all boxes
 * @returns its key; undefined where none shares a layer, or files would be overlooked
 */
export async function nearestBox(folder: string, of: BoxRecord): Promise<string | undefined> {
  if (of.hasVolumes) return undefined;
  let nearest: { readonly key: string; readonly shared: number } | undefined;
  for (const key of await namesIn(folder)) {
    const record = await readBoxRecord(path.join(folder, key));
    if (!record || record.base !== undefined || record.hasVolumes || record.recipe !== of.recipe) continue;
    const shared = sharedBeginning(record.layers, of.layers);
    if (shared > (nearest?.shared ?? 0)) nearest = { key, shared };
  }
  return nearest?.key;
}

/** Nothing where the folder is not there. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
}

function sharedBeginning(a: readonly string[], b: readonly string[]): number {
  const differs = a.findIndex((one, index) => one !== b[index]);
  return differs < 0 ? Math.min(a.length, b.length) : differs;
}
