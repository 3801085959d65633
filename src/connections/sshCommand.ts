import { quote, quoteAll } from '../base/shell.ts';
import type { ExecRequest } from './connection.ts';

/** How the program of a request becomes another user than the one that is logged in. */
export type BecomeUser =
  | { readonly by: 'none' }
  /** Logged in as root: no sudo needs to be there, and no session of its own is opened. */
  | { readonly by: 'setpriv'; readonly user: string }
  | { readonly by: 'sudo'; readonly user: string };

/**
 * The command line for an SSH exec request. sshd hands it to the login shell of the account, so this is
 * the one place where a request becomes shell text; the shell is replaced by the program, which therefore
 * gets the session's signals itself.
 * @see https://www.rfc-editor.org/rfc/rfc4254#section-6.5
 * @throws RangeError where a variable's name cannot be one, or a text holds a NUL byte
 */
export function remoteCommand(
  request: Pick<ExecRequest, 'argv' | 'env' | 'cwd'>,
  become: BecomeUser = { by: 'none' },
): string {
  const [program] = request.argv;
  if (program === undefined) throw new RangeError('A program is needed.');
  const words: string[] = [];
  const assignments = Object.entries(request.env ?? {}).map(([name, value]) => {
    if (!/^[^=\0-][^=\0]*$/.test(name)) throw new RangeError(`Not the name of a variable: ${name}`);
    return quote(`${name}=${value}`);
  });
  if (become.by === 'sudo') words.push('sudo', '-n', '-H', '-u', quote(become.user), '--');
  if (become.by === 'setpriv') {
    const user = quote(become.user);
    words.push('setpriv', '--reuid', user, '--regid', `"$(id -g -- ${user})"`);
    words.push('--init-groups', '--reset-env', '--');
  }
  if (assignments.length > 0 || program.includes('=')) words.push('env', ...assignments);
  // env would take such a name for one more variable.
  if (program.includes('=')) words.push('sh', '-c', quote('exec "$0" "$@"'));
  // After exec an option-like name would be taken for an option of exec.
  if (words.length === 0 && program.startsWith('-')) words.push('env', '--');
  words.push(quoteAll(request.argv));
  const run = `exec ${words.join(' ')}`;
  return request.cwd === undefined ? run : `cd ${quote(request.cwd)} && ${run}`;
}
