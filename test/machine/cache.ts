import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where everything lives that this machine needs but the sources do not: the editor, logs of the
 * daemons, the sample that a person plays with.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/ ($XDG_CACHE_HOME)
 */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const base = env['XDG_CACHE_HOME'];
  // The specification says that a relative path is to be ignored.
  return join(base?.startsWith('/') ? base : join(homedir(), '.cache'), 'switchyard');
}
