import * as fs from 'node:fs';
import { racyNs, writeRecord, type Entry } from '../entry.ts';
import { linkEscapes, type BytePath } from '../path.ts';
import type { PathRules } from '../patterns.ts';
import { codeOf, placeOf, targetOf } from './hostFiles.ts';

/** After how many entries a piece of a scan is given. */
const pieceCount = 2_000;

const folderEntry: Entry = { print: 'd', target: '', racy: false };

/** What stands at a path below the root; undefined for nothing. Changes after `racyLimit` (ns) make it racy. */
export function entryAt(root: string, at: BytePath, racyLimit = racyLimitNow()): Entry | undefined {
  const place = placeOf(root, at);
  let stat: fs.BigIntStats | undefined;
  try {
    stat = fs.lstatSync(place, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    // A parent that is a file: nothing can be there.
    if (codeOf(error) === 'ENOTDIR') return undefined;
    return { print: 'e', target: codeOf(error), racy: false };
  }
  if (!stat) return undefined;
  if (stat.isDirectory()) return folderEntry;
  const racy = stat.ctimeNs > racyLimit;
  if (stat.isFile()) return { print: printOf(stat), target: '', racy };
  if (!stat.isSymbolicLink()) return { print: 's', target: 'it is no file, folder or link', racy: false };
  const target = targetOf(place);
  // No link any more.
  if (target === undefined) return entryAt(root, at, racyLimit);
  if (linkEscapes(at, target))
    return { print: 's', target: 'the link leads out of the workspace', racy: false };
  return { print: printOf(stat), target, racy };
}

/**
 * All entries below the root as records, piece by piece.
 * @returns how many there were
 * @throws where the root's list cannot be read
 */
export function* scanFolder(root: string, rules: PathRules): Generator<Buffer, number> {
  const limit = racyLimitNow();
  const pending: BytePath[] = [''];
  let [records, count, given] = ['', 0, 0];
  const put = (at: BytePath, entry: Entry): void => {
    records += writeRecord(at, entry);
    count += 1;
  };
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    let names: BytePath[];
    try {
      names = fs.readdirSync(placeOf(root, folder), { encoding: 'latin1' });
    } catch (error) {
      if (folder === '') throw error;
      // Gone since its parent was listed: as if it had not been there. Else nobody knows what it holds.
      if (codeOf(error) !== 'ENOENT') put(folder, { print: 'e', target: codeOf(error), racy: false });
      continue;
    }
    if (folder !== '') put(folder, folderEntry);
    for (const name of names) {
      const at = folder === '' ? name : `${folder}/${name}`;
      const entry = entryAt(root, at, limit);
      if (!entry) continue;
      const isFolder = entry.print === 'd';
      if (rules.names(at, isFolder)) continue;
      if (isFolder) pending.push(at);
      else put(at, entry);
    }
    if (count - given < pieceCount) continue;
    yield Buffer.from(records, 'latin1');
    [records, given] = ['', count];
  }
  yield Buffer.from(records, 'latin1');
  return count;
}

function racyLimitNow(): bigint {
  return BigInt(Date.now()) * 1_000_000n - racyNs;
}

export function printOf(stat: fs.BigIntStats): string {
  const executable = stat.isFile() && (stat.mode & 0o100n) !== 0n ? 1 : 0;
  const type = stat.isSymbolicLink() ? 'l' : 'f';
  return `${type}${executable} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs} ${stat.ino}`;
}
