import { insideGit } from './git.ts';
import { ancestorsOf, pathFault, type BytePath } from './path.ts';
import type { Operation } from './side.ts';
import type { Sides } from './transfer.ts';
import type { Trees } from './transferBook.ts';

/** A ref that the two sides moved apart, and where the guest's is kept. */
export interface KeptRef {
  readonly path: BytePath;
  readonly copy: BytePath;
}

export function isPackedRefs(path: BytePath): boolean {
  return insideGit(path) === 'packed-refs';
}

/**
 * Where both sides packed their refs anew: the guest's refs that the host's file does not hold as well, each
 * to be written as a file of its own, before the guest's file makes room. A ref that the host does not know
 * keeps its name; of one that moved on both sides the guest's goes under `refs/switchyard/`.
 * @returns undefined where a file cannot be read in one piece now
 * @see https://git-scm.com/docs/git-pack-refs
 */
export async function keepGuestRefs(
  path: BytePath,
  { sides, trees }: { readonly sides: Sides; readonly trees: Trees },
  signal: AbortSignal,
): Promise<{ readonly operations: Operation[]; readonly kept: KeptRef[] } | undefined> {
  const [[host], [guest]] = await Promise.all([
    sides.host.read([path], signal),
    sides.guest.read([path], signal),
  ]);
  if (!host || !guest) return undefined;
  const git = path.slice(0, path.length - 'packed-refs'.length);
  const known = parsePackedRefs(host.data);
  const differing = [...parsePackedRefs(guest.data)].filter(
    // A file of its own is the newer word on a ref, and travels by itself.
    ([ref, id]) => known.get(ref) !== id && !trees.guest.has(git + ref) && pathFault(git + ref) === undefined,
  );
  const loose = differing.map(([ref]) => git + ref).filter((at) => trees.host.has(at));
  const values = new Map<BytePath, string | undefined>();
  const read = await sides.host.read(loose, signal);
  for (const [index, at] of loose.entries()) {
    const data = read[index]?.data;
    values.set(at, data && Buffer.from(data).toString('latin1').trim());
  }
  const names = new Set([...known.keys()].flatMap((ref) => [ref, ...ancestorsOf(ref)]));
  const taken = new Set<BytePath>();
  const isTaken = (at: BytePath): boolean => trees.host.has(at) || trees.guest.has(at) || taken.has(at);
  const isFree = (ref: BytePath): boolean =>
    !names.has(ref) &&
    !isTaken(git + ref) &&
    ancestorsOf(ref).every((folder) => !known.has(folder) && !isFile(trees, git + folder));
  const operations: Operation[] = [];
  const kept: KeptRef[] = [];
  for (const [ref, id] of differing) {
    // Packing took the guest's file away, and the host's must not go with it.
    const hasOwnName = values.get(git + ref) === id || isFree(ref);
    const at = hasOwnName
      ? git + ref
      : freeName(`${git}refs/switchyard/${ref.slice('refs/'.length)}`, isTaken);
    for (const folder of ancestorsOf(at)) {
      if (trees.guest.has(folder) || taken.has(folder)) continue;
      taken.add(folder);
      operations.push({ do: 'folder', path: folder });
    }
    taken.add(at);
    const content = { data: Buffer.from(`${id}\n`, 'latin1') };
    operations.push({ do: 'file', path: at, expect: '-', executable: false, content });
    if (!hasOwnName) kept.push({ path: git + ref, copy: at });
  }
  return { operations, kept };
}

/** Names of refs with what they point at. */
export function parsePackedRefs(data: Uint8Array): Map<BytePath, string> {
  const refs = new Map<BytePath, string>();
  for (const line of Buffer.from(data).toString('latin1').split('\n')) {
    const [, id, ref] = /^([0-9a-f]{40}|[0-9a-f]{64}) (refs\/.+)$/.exec(line) ?? [];
    if (id !== undefined && ref !== undefined) refs.set(ref, id);
  }
  return refs;
}

function isFile({ host, guest }: Trees, at: BytePath): boolean {
  return [host.get(at), guest.get(at)].some((entry) => entry !== undefined && entry.print !== 'd');
}

function freeName(wanted: BytePath, isTaken: (at: BytePath) => boolean): BytePath {
  for (let n = 1; ; n += 1) {
    const at = n === 1 ? wanted : `${wanted}-${n}`;
    if (!isTaken(at)) return at;
  }
}
