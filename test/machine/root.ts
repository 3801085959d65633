/** True for the user that needs no sudo. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The same command, run by root: through sudo where this user is somebody else. */
export function asRoot(words: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return isRoot() ? words : ['sudo', ...words];
}
