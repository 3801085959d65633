import type { RootEntry, RootTree } from './rootTree.ts';

/** What makes the disk of one image that of another. Paths as in `RootTree`. */
export interface ImageChange {
  /** What is new or another, in the order in which it can be made. */
  readonly written: readonly string[];
  /** What goes before that: what is not there any more, and what becomes something else. */
  readonly gone: readonly string[];
  /** Of the content that is written. */
  readonly bytes: number;
}

/** Decides how a disk is written, beside the files that this touches. What ends in `/` stands for all that lies there. */
const ofTheDisk = [
  ...['lib', 'usr/lib/modules', 'sbin/apparmor_parser', 'usr/sbin/apparmor_parser'],
  ...['etc/init.d/', 'etc/runlevels/'],
];

/** Decides which packages a machine gets: its distribution, and where they come from. */
const ofThePackages = [
  ...['etc/os-release', 'usr/lib/os-release', 'etc/yum.conf'],
  ...['etc/apt/', 'etc/apk/', 'etc/dnf/', 'etc/yum/', 'etc/yum.repos.d/'],
];

/**
 * How much a change may hold, in bytes: a machine carries it into its memory at each start, and for a moment twice. One
 * of 256 MiB was seen to start with as much.
 */
const limitBytes = 32 * 2 ** 20;

/** The path that stands against a change, and why. */
export interface Hindrance {
  readonly path: string;
  readonly hindrance: 'touched' | 'deciding' | 'large';
}

/**
 * What has to be laid onto the disk that was made of one image, for it to be as if it was made of another. That can be
 * done where the two differ in nothing that the making of the disk touched.
 * @param disk the root file system that was made of `old`
 */
export function changeBetween(old: RootTree, disk: RootTree, next: RootTree): ImageChange | Hindrance {
  return compare(old, disk, next, { deciding: [...ofTheDisk, ...ofThePackages], hasTime: () => true });
}

/**
 * The same of two images to which the packages of a machine were added. Those that were added anew are as they were but
 * for the times of what their installation wrote, which count for nothing.
 * @param images the two without them
 */
export function changeOfSystems(
  old: RootTree,
  disk: RootTree,
  next: RootTree,
  images: { readonly old: RootTree; readonly next: RootTree },
): ImageChange | Hindrance {
  const hasTime = (path: string): boolean =>
    !isSame(images.old.get(path), images.next.get(path), 'with times');
  return compare(old, disk, next, { deciding: ofTheDisk, hasTime });
}

function compare(
  old: RootTree,
  disk: RootTree,
  next: RootTree,
  by: { readonly deciding: readonly string[]; readonly hasTime: (path: string) => boolean },
): ImageChange | Hindrance {
  const made = new Touched(old, disk);
  const written: string[] = [];
  const gone: string[] = [];
  let bytes = 0;
  for (const path of new Set([...old.keys(), ...next.keys()])) {
    const [before, after] = [old.get(path), next.get(path)];
    if (isSame(before, after, 'with times')) continue;
    const isTouched = made.by(path, after);
    // Its content is that of the disk all the same, whoever wrote it.
    if ((isTouched || !by.hasTime(path)) && isSame(before, after)) continue;
    if (isTouched) return { path, hindrance: 'touched' };
    if (by.deciding.some((one) => (one.endsWith('/') ? path.startsWith(one) : path === one)))
      return { path, hindrance: 'deciding' };
    if (before && before.type !== after?.type) gone.push(path);
    if (!after) continue;
    written.push(path);
    bytes += after.size;
    if (bytes > limitBytes) return { path, hindrance: 'large' };
  }
  // A folder comes before what lies in it.
  return { written: written.sort(byBytes), gone: withoutInner(gone.sort(byBytes)), bytes };
}

/** What the making of a disk did to an image's files. */
class Touched {
  readonly #disk: RootTree;
  readonly #paths = new Set<string>();
  /** The folders in which anything was touched, at whatever depth. */
  readonly #above = new Set<string>();

  constructor(old: RootTree, disk: RootTree) {
    this.#disk = disk;
    for (const path of new Set([...old.keys(), ...disk.keys()])) {
      if (isSame(old.get(path), disk.get(path))) continue;
      this.#paths.add(path);
      for (const folder of foldersOf(path)) this.#above.add(folder);
    }
  }

  /** Whether it would matter to `path`'s becoming `after`. */
  by(path: string, after: RootEntry | undefined): boolean {
    if (this.#paths.has(path)) return true;
    // With a folder all that lies in it would go.
    if (after?.type !== 'd' && this.#above.has(path)) return true;
    return foldersOf(path).some((folder) => this.#paths.has(folder) && this.#disk.get(folder)?.type !== 'd');
  }
}

function isSame(a: RootEntry | undefined, b: RootEntry | undefined, times?: 'with times'): boolean {
  if (!a || !b) return a === b;
  return (
    a.type === b.type &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.size === b.size &&
    a.content === b.content &&
    (!times || a.type !== 'f' || a.mtime === b.mtime)
  );
}

/** All folders above it, the outermost first. */
function foldersOf(path: string): string[] {
  const names = path.split('/');
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('/'));
}

function withoutInner(sorted: readonly string[]): string[] {
  const kept = new Set<string>();
  for (const path of sorted) if (!foldersOf(path).some((folder) => kept.has(folder))) kept.add(path);
  return [...kept];
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
