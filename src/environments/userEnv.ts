import { randomUUID } from 'node:crypto';
import { withDeadline } from '../base/abort.ts';
import type { Logger } from '../base/log.ts';
import type { Connection } from '../connections/connection.ts';
import { run } from '../connections/run.ts';

const flags: Readonly<Record<string, string | undefined>> = {
  none: undefined,
  loginShell: '-lc',
  interactiveShell: '-ic',
  loginInteractiveShell: '-lic',
};

/**
 * Of these the shell that probes makes its own, or the login through which it came; they say nothing about
 * what the user set, and do not hold for another login.
 */
const ownVariables =
  /^(?:_|SHLVL|PWD|OLDPWD|SWITCHYARD_EXEC|TERM|LS_COLORS|MAIL|SSH_.*|XDG_SESSION_.*|XDG_RUNTIME_DIR|DBUS_SESSION_BUS_ADDRESS)$/;

/**
 * The environment that the user's shell sets up (what nvm, pyenv and the like add to PATH in a startup
 * file), for programs that no shell starts.
 * @param probe the config's `userEnvProbe`
 * @param probeMs how long the person's shell may take to start, in milliseconds
 * @see https://containers.dev/implementors/json_reference/#general-properties
 */
export async function probeUserEnv(
  connection: Connection,
  probe: string,
  log: Logger,
  signal: AbortSignal,
  probeMs = 10_000,
): Promise<Readonly<Record<string, string>>> {
  const flag = flags[probe];
  if (flag === undefined) return {};
  const mark = randomUUID();
  // The shell of the user's account; startup files may print whatever they like before and after.
  const script = `entry=$(getent passwd "$(id -u)" 2>/dev/null || grep "^[^:]*:[^:]*:$(id -u):" /etc/passwd)
shell=\${entry##*:}; [ -x "$shell" ] || shell=/bin/sh
exec "$shell" ${flag} 'printf %s ${mark}; cat /proc/self/environ; printf %s ${mark}'`;
  const bound = withDeadline(signal, probeMs);
  try {
    const { stdout } = await run(connection, { argv: ['/bin/sh', '-c', script] }, bound);
    return parseEnviron(stdout.toString(), mark);
  } catch (error) {
    signal.throwIfAborted();
    // A startup file that waits for something must not keep the environment from opening.
    log.warn(`${connection.description}: the shell's environment is not known: ${String(error)}`);
    return {};
  }
}

/** Reads `name=value` entries, each ended by NUL, between two marks. */
export function parseEnviron(output: string, mark: string): Readonly<Record<string, string>> {
  const [, environ = ''] = output.split(mark);
  const entries = environ.split('\0').flatMap((entry): [string, string][] => {
    const equals = entry.indexOf('=');
    if (equals <= 0) return [];
    const name = entry.slice(0, equals);
    return ownVariables.test(name) ? [] : [[name, entry.slice(equals + 1)]];
  });
  return Object.fromEntries(entries);
}
