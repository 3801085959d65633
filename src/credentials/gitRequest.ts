import type { Command } from '../base/process.ts';

/**
 * What a program inside asks through git's credential protocol: lines of `key=value`.
 * @see https://git-scm.com/docs/git-credential#IOFMT
 */
export interface GitRequest {
  readonly protocol: string;
  readonly host: string;
  readonly path: string | undefined;
  readonly username: string | undefined;
}

/** Bytes of the longest request that is read. */
export const longestRequest = 16_384;

/** How long the helpers of this computer may take, in milliseconds: one may ask the person in a window of its own. */
const fillMs = 120_000;

/**
 * Reads what a helper inside sends: its operation, and the fields of the credential. Only `get` is answered; nothing
 * is stored or erased here for somebody inside.
 * @returns undefined where it is another operation, or not of the protocol
 */
export function readGitRequest(text: string): GitRequest | undefined {
  const [operation, ...lines] = text.split('\n');
  if (operation !== 'get' || /[\0\r]/.test(text)) return undefined;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf('=');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  const protocol = fields.get('protocol');
  const host = fields.get('host');
  // Nothing but what is asked over the network: a certificate's passphrase has no host.
  if ((protocol !== 'https' && protocol !== 'http') || host === undefined || host === '') return undefined;
  return { protocol, host, path: fields.get('path'), username: fields.get('username') };
}

/**
 * Asks the person's own helpers. It runs outside of every workspace, whose configuration might name programs, and
 * never asks on a terminal.
 * @param folder absolute path of a folder that is no repository
 * @returns what a helper inside prints: empty where nobody knows
 */
export function fillCommand({ protocol, host, path, username }: GitRequest, folder: string): Command<string> {
  const fields = { protocol, host, path, username };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}\n`],
  );
  return {
    program: 'git',
    args: ['credential', 'fill'],
    cwd: folder,
    env: {
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '',
      SSH_ASKPASS: '',
      GIT_DIR: undefined,
      GIT_WORK_TREE: undefined,
      // Above the folder no repository is looked for either.
      GIT_CEILING_DIRECTORIES: folder,
    },
    input: `${lines.join('')}\n`,
    timeoutMs: fillMs,
    parse: answerOf,
  };
}

/** Only what was asked for leaves this computer. */
function answerOf(stdout: string): string {
  return stdout
    .split('\n')
    .filter((line) => /^(?:username|password|password_expiry_utc)=/.test(line))
    .map((line) => `${line}\n`)
    .join('');
}

/**
 * Speaks to the socket for git inside, in Perl, which every git brings. Without quotes and backslashes: it also
 * stands in an SSH configuration.
 */
const helper =
  'socket(S,AF_UNIX,SOCK_STREAM,0)&&connect(S,pack_sockaddr_un(shift))||exit;local$/;syswrite(S,shift().chr(10).<STDIN>);shutdown(S,1);print<S>';

/** Variables with which git inside asks at the socket, after the helpers of its own configuration. */
export function gitVariables(socket: string): Readonly<Record<string, string>> {
  return {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'credential.helper',
    GIT_CONFIG_VALUE_0: `!perl -MSocket -e '${helper}' ${socket}`,
  };
}
