/**
 * A path inside the workspace, relative, with `/`, one character a byte (latin1). Names are bytes: a
 * guest may hold names that are no UTF-8, and a string of bytes is a cheap Map key.
 */
export type BytePath = string;

/** Longest path that Linux takes, in bytes (PATH_MAX less the final NUL). */
const maxPathBytes = 4095;
const maxNameBytes = 255;

/** What no fault is to be found in, told at once: names of one or more bytes that are neither `.` nor `..`. */
const sound = /^(?!\.{1,2}(?:\/|$))[^/\0]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[^/\0]{1,255})*$/;

/** Why `path` must not be used as a path inside the workspace, or undefined where it may be. */
export function pathFault(path: BytePath): string | undefined {
  if (path.length <= maxPathBytes && sound.test(path)) return undefined;
  if (path === '') return 'is empty';
  if (path.length > maxPathBytes) return 'is too long';
  if (path.includes('\0')) return 'holds a NUL byte';
  if (path.startsWith('/')) return 'is absolute';
  for (const name of path.split('/')) {
    if (name === '') return 'holds an empty name';
    if (name === '.' || name === '..') return `holds the name ${name}`;
    if (name.length > maxNameBytes) return 'holds a name that is too long';
  }
  return undefined;
}

/** The folder that `path` lies in; '' for the workspace folder itself. */
export function parentOf(path: BytePath): BytePath {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

export function nameOf(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The folders that `path` lies in, outermost first, without the workspace folder itself. */
export function ancestorsOf(path: BytePath): BytePath[] {
  const ancestors: BytePath[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    ancestors.push(path.slice(0, slash));
  }
  return ancestors;
}

export function depthOf(path: BytePath): number {
  let depth = 0;
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) depth += 1;
  return depth;
}

/** For people and logs. Bytes that are no UTF-8 show as the replacement character. */
export function toText(path: BytePath): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

/** The byte path of a path as a person or a config file writes it. */
export function fromText(text: string): BytePath {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function toBuffer(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1');
}

/**
 * True where a symbolic link at `path` could lead out of the workspace. Besides absolute targets and
 * those that climb above the root, that is any `..` after a name: the name may itself be a link, so
 * where such a target leads cannot be told from its text.
 */
export function linkEscapes(path: BytePath, target: BytePath): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return true;
  let up = 0;
  let named = false;
  for (const name of target.split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') named = true;
    else if (named) return true;
    else up += 1;
  }
  return up > depthOf(path);
}
