import type { GuestKind } from '../../base/kinds.ts';
import { quoteAll } from '../../base/shell.ts';

/** An environment as an SSH host. */
export interface SshEntry {
  readonly version: 1;
  readonly alias: string;
  readonly projectId: string;
  /** For people: the project's name and its folder on this computer. */
  readonly projectName: string;
  readonly projectFolder: string;
  readonly kind: GuestKind;
  /** The container's name in its engine, where it is one. */
  readonly containerName?: string;
  readonly user: string;
  /** The server's keys as lines in OpenSSH's public key format. */
  readonly hostKeys: readonly string[];
  /** Absolute path of the workspace inside. */
  readonly workspaceFolder: string;
  readonly way: SshWay;
  /** What the person lets programs inside use of this computer; nothing where it is not there. */
  readonly shares?: SharedOverSsh;
}

export interface SharedOverSsh {
  /** The client's own agent is brought along. */
  readonly agent: boolean;
  /** What each session gets; the environment takes it. Neither quotes nor backslashes can stand in a value. */
  readonly variables: Readonly<Record<string, string>>;
}

/** How a client gets there. */
export type SshWay =
  | {
      readonly by: 'proxy';
      /** The program and its arguments that are the server, and what is set for it. */
      readonly argv: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  | {
      readonly by: 'tcp';
      readonly host: string;
      readonly port: number;
      /** Absolute path of the private key. */
      readonly identityFile: string;
      /** The program and its arguments that carry a connection there, where this computer has no way itself. */
      readonly carrier?: readonly string[];
      /** A program and its arguments that bring the environment up, and fail at once where it runs. */
      readonly start?: readonly string[];
    };

/** How often a client tries, a second or more apart, where its coming brought the environment up: a boot's time. */
const bootAttempts = 60;
/** How long one try waits, in seconds: what was sent before the network was up is answered by nobody. */
const attemptSeconds = 20;

/** A client asks so often whether a machine is still there, in seconds; the third answer that does not come ends it. */
const aliveSeconds = 15;

/** In the order in which our own server is fastest with them: AES-GCM is one pass in OpenSSL. */
export const proxyCiphers = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
] as const;

/**
 * The alias of a project's environment. Lower case only: editors lower-case the authority of a remote
 * address, and an alias that was not would never be found.
 * @param mark tells two projects of the same name apart
 */
export function aliasOf(projectName: string, kind: GuestKind, mark?: string): string {
  const name = projectName
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  return ['switchyard', name || 'project', ...(mark === undefined ? [] : [mark]), kind].join('-');
}

/**
 * The text of our own configuration file.
 * @param knownHosts absolute path of our own file of host keys
 * @throws RangeError where a value cannot stand in such a file
 */
export function renderConfig(entries: readonly SshEntry[], knownHosts: string): string {
  const blocks = entries.map((entry) => renderEntry(entry, knownHosts));
  return ['# Written by Switchyard, which writes it anew: what is changed here is lost.\n', ...blocks].join(
    '\n',
  );
}

/** The text of our own file of host keys. */
export function renderKnownHosts(entries: readonly SshEntry[]): string {
  return entries
    .flatMap(({ alias, hostKeys }) =>
      hostKeys.map((line) => {
        const [type, key] = line.trim().split(/\s+/);
        return `${alias} ${type} ${key}\n`;
      }),
    )
    .join('');
}

function renderEntry(entry: SshEntry, knownHosts: string): string {
  const { alias, kind, way } = entry;
  const reach: readonly string[] =
    way.by === 'proxy'
      ? [
          `ProxyCommand ${proxyCommand(way)}`,
          // The server asks for nothing, and no key needs to be offered to it.
          'PreferredAuthentications none',
          // OpenSSH would rather take ciphers that are slow in JavaScript.
          `Ciphers ${proxyCiphers.join(',')}`,
        ]
      : [
          `HostName ${word(way.host)}`,
          `Port ${way.port}`,
          ...(way.carrier ? [`ProxyCommand ${proxyCommand({ argv: way.carrier, env: {} })}`] : []),
          `IdentityFile ${word(percent(way.identityFile))}`,
          'IdentitiesOnly yes',
          'PreferredAuthentications publickey',
          // A machine whose power is cut says nothing, and an idle session would wait for it for ever.
          `ServerAliveInterval ${aliveSeconds}`,
        ];
  const lines = [
    `# ${kind === 'vm' ? 'VM' : 'Container'} of ${oneLine(entry.projectName)} in ${oneLine(entry.projectFolder)}`,
    `Host ${alias}`,
    ...[
      `User ${word(entry.user)}`,
      ...reach,
      `HostKeyAlias ${alias}`,
      `UserKnownHostsFile ${word(percent(knownHosts))}`,
      'GlobalKnownHostsFile /dev/null',
      'StrictHostKeyChecking yes',
      'UpdateHostKeys no',
      ...(entry.shares ? sharing(entry.shares) : []),
    ].map((line) => `  ${line}`),
  ];
  if (way.by === 'tcp' && way.start) lines.push(...starting(alias, way.start));
  return `${lines.join('\n')}\n`;
}

/**
 * ssh runs the program before it connects, and for this host only: what follows applies where it succeeded, so where
 * the environment was not up (ssh_config(5), Match).
 */
function starting(alias: string, argv: readonly string[]): readonly string[] {
  for (const each of argv) refuseControl(each);
  const command = percent(`${quoteAll(argv)} >/dev/null 2>&1`);
  if (/["\\]/.test(command)) throw new RangeError(`A quote cannot stand in an SSH configuration: ${command}`);
  return [
    `Match originalhost ${alias} exec "${command}"`,
    `  ConnectionAttempts ${bootAttempts}`,
    `  ConnectTimeout ${attemptSeconds}`,
  ];
}

/** One line for all variables: of several, ssh takes the first alone. */
function sharing({ agent, variables }: SharedOverSsh): readonly string[] {
  const words = Object.entries(variables).map(([name, value]) => {
    refuseControl(value);
    if (/["\\]/.test(value)) throw new RangeError(`A quote cannot stand in an SSH configuration: ${value}`);
    return `"${name}=${value}"`;
  });
  return [...(agent ? ['ForwardAgent yes'] : []), ...(words.length > 0 ? [`SetEnv ${words.join(' ')}`] : [])];
}

/** ssh hands it to the user's shell, after replacing what follows a percent sign. */
function proxyCommand({ argv, env }: Omit<Extract<SshWay, { by: 'proxy' }>, 'by'>): string {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const words = assignments.length > 0 ? ['env', ...assignments, ...argv] : argv;
  for (const each of words) refuseControl(each);
  return percent(quoteAll(words));
}

/** A value in quotes; OpenSSH has had no way to write a quote in one for most of its life. */
function word(value: string): string {
  refuseControl(value);
  if (value.includes('"')) throw new RangeError(`A quote cannot stand in an SSH configuration: ${value}`);
  return /^[A-Za-z0-9_./:%@+-]+$/.test(value) ? value : `"${value}"`;
}

/** A percent sign begins a token: see TOKENS in ssh_config(5). */
function percent(value: string): string {
  return value.replaceAll('%', '%%');
}

function refuseControl(value: string): void {
  // eslint-disable-next-line no-control-regex -- a line break would begin an option of its own
  if (/[\x00-\x1f\x7f]/.test(value)) {
    throw new RangeError(
      `A control character cannot stand in an SSH configuration: ${JSON.stringify(value)}`,
    );
  }
}

function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- a line break would end the comment
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ');
}
