import { ancestorsOf, nameOf, type BytePath } from './path.ts';

/**
 * In which order what lies in a `.git` folder travels: what is pointed at goes before what points at
 * it, so that a repository is whole at every moment on either side.
 * @see https://git-scm.com/docs/gitrepository-layout
 */
export function gitRank(path: BytePath): number {
  const inside = insideGit(path);
  if (inside === undefined) return 0;
  if (inside.startsWith('objects/')) {
    // A pack's index makes git see it: last of the three.
    return inside.endsWith('.idx') ? 2 : 1;
  }
  if (inside.startsWith('refs/') || inside === 'packed-refs') return 4;
  if (inside === 'HEAD' || inside.endsWith('/HEAD')) return 5;
  if (inside === 'index') return 6;
  return 3;
}

/** The part of a path below the innermost `.git` folder; undefined outside of one. */
export function insideGit(path: BytePath): BytePath | undefined {
  // Asked of every path, and nearly none is in one.
  if (!path.includes('.git/')) return undefined;
  const at = `/${path}`.lastIndexOf('/.git/');
  return at < 0 ? undefined : path.slice(at + '.git/'.length);
}

/** Objects are named by their content and never change; git itself clears away what nothing points at. */
export function isGitObject(path: BytePath): boolean {
  return insideGit(path)?.startsWith('objects/') ?? false;
}

/** A lock that git holds while it changes something. */
export function isGitLock(path: BytePath): boolean {
  return path.endsWith('.lock') && insideGit(path) !== undefined;
}

/** The `.git` folder that a path lies in. */
export function gitFolderOf(path: BytePath): BytePath | undefined {
  if (!path.includes('.git/')) return undefined;
  return ancestorsOf(path).findLast((folder) => nameOf(folder) === '.git');
}
