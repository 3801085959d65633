/** One entry of a root file system, without what reading it or unpacking it again would change. */
export interface RootEntry {
  /** As find's `%y` says it: `f` a file, `d` a folder, `l` a link, `b`, `c`, `p` the rest. */
  readonly type: string;
  /** Octal, without the type. */
  readonly mode: string;
  readonly uid: string;
  readonly gid: string;
  /** Bytes, of a file; 0 of anything else. */
  readonly size: number;
  /** Whole seconds since 1970, which is what images keep; 0 of a folder, whose time changes with whatever lies in it. */
  readonly mtime: number;
  /** BLAKE2 of a file's content, where a link points to. */
  readonly content: string;
}

/**
 * A root file system by path, relative and without an end `/`. Names are bytes, so they are kept as Latin-1, in which
 * every byte is one character.
 */
export type RootTree = ReadonlyMap<string, RootEntry>;

/** Where the programs that list an image lie in its container. */
export const toolsFolder = '.switchyard';

/** What an engine puts into every container, and no machine has from there. */
const ofTheEngine = ['.dockerenv', 'etc/hostname', 'etc/hosts', 'etc/mtab', 'etc/resolv.conf'];

/** Folders whose content is not the image's. */
const passedOver = ['proc', 'sys', 'dev', toolsFolder].map((name) => `-path ./${name} -prune -o`).join(' ');

/**
 * Shell code: `list FOLDER FILE` lists a root file system, but nothing that is mounted in it. The programs of GNU that
 * it uses are what the variables `find`, `xargs` and `b2sum` say, which may be several words.
 */
export const listFunction = String.raw`
list() {
  (
    cd "$1"
    $find . -xdev ${passedOver} -type f -print0 | $xargs -0 -r $b2sum -z -l 128 --
    printf '\0'
    $find . -xdev ${passedOver} -type s -o -printf '%P\0%y\0%m\0%U\0%G\0%s\0%T@\0%l\0'
  ) > "$2"
}
`;

/** How many fields an entry has in a list. */
const fields = 8;

/**
 * Reads what `list` wrote: a line of b2sum for each file, an empty one, and eight fields for each entry; NUL ends them
 * all.
 * @throws Error where it is cut off
 */
export function parseTree(list: Buffer): RootTree {
  const words = list.toString('latin1').split('\0');
  const end = words.indexOf('');
  const count = words.length - 1 - (end + 1);
  if (end < 0 || count % fields !== 0 || words.at(-1) !== '') throw new Error('A list of files is cut off.');
  const sums = new Map<string, string>();
  for (const line of words.slice(0, end)) {
    const [sum = ''] = line.split(' ', 1);
    sums.set(line.slice(sum.length + '  ./'.length), sum);
  }
  const tree = new Map<string, RootEntry>();
  for (let at = end + 1; at < words.length - 1; at += fields) {
    const [path = '', ...entry] = words.slice(at, at + fields);
    // The first is the root itself.
    if (path !== '' && !ofTheEngine.includes(path)) tree.set(path, entryOf(path, entry, sums));
  }
  return tree;
}

function entryOf(path: string, entry: readonly string[], sums: ReadonlyMap<string, string>): RootEntry {
  const [type = '', mode = '', uid = '', gid = '', size, time, link] = entry;
  const content = type === 'f' ? sums.get(path) : link;
  if (content === undefined) throw new Error(`The content of ${path} is not known.`);
  return {
    type,
    mode,
    uid,
    gid,
    size: type === 'f' ? Number(size) : 0,
    mtime: type === 'd' ? 0 : Math.floor(Number(time)),
    content,
  };
}
