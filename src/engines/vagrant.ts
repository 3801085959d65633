import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';
import { CommandFailed, lastLines, type Command } from '../base/process.ts';
import { sourceError } from './vagrantSourceErrors.ts';
import { isNotServed, virshError } from './virshErrors.ts';

/** Where a machine's Vagrantfile and Vagrant's own data about it lie. */
export interface VagrantPlace {
  /** Folder that holds the Vagrantfile. */
  readonly cwd: string;
  /** `.vagrant` folder; undefined: Vagrant's default. */
  readonly dotfilePath: string | undefined;
  /** Its name, where that is not `Vagrantfile`. */
  readonly file?: string;
}

/** A machine of a Vagrantfile, as Vagrant itself sees it. */
export interface VagrantMachine {
  readonly name: string;
  readonly provider: string;
  /** Each provider has words of its own; `not_created` is everybody's. */
  readonly state: string;
}

/** How Vagrant logs in to a machine. */
export interface VagrantSsh {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Absolute paths of private keys. */
  readonly identityFiles: readonly string[];
  /** A program through which it is reached; undefined where it is reached directly. */
  readonly proxyCommand: string | undefined;
}

/** One line of `--machine-readable` output. */
export interface VagrantMessage {
  /** Seconds since 1970. */
  readonly timestamp: number;
  /** Name of the machine; empty where it concerns none. */
  readonly target: string;
  readonly type: string;
  readonly data: readonly string[];
}

const minute = 60_000;

/**
 * Taken along by every call: no call home, no waiting for it offline, no colours.
 * @see https://developer.hashicorp.com/vagrant/docs/other/environmental-variables
 */
const quiet = {
  VAGRANT_CHECKPOINT_DISABLE: '1',
  VAGRANT_BOX_UPDATE_CHECK_DISABLE: '1',
  VAGRANT_NO_COLOR: '1',
};

/**
 * Reads a line of machine-readable output: `timestamp,target,type,data…`, with commas in data as
 * `%!(VAGRANT_COMMA)` and newlines as `\n`. Undefined for a line that is none.
 * @see https://developer.hashicorp.com/vagrant/docs/cli/machine-readable
 */
export function parseMessage(line: string): VagrantMessage | undefined {
  const [timestamp, target, type, ...data] = line.trimEnd().split(',');
  if (timestamp === undefined || target === undefined || type === undefined || !/^\d+$/.test(timestamp)) {
    return undefined;
  }
  const decode = (text: string): string =>
    text.replaceAll('%!(VAGRANT_COMMA)', ',').replaceAll('\\n', '\n').replaceAll('\\r', '\r');
  return { timestamp: Number(timestamp), target, type, data: data.map(decode) };
}

export function parseMessages(stdout: string): VagrantMessage[] {
  return stdout.split('\n').flatMap((line) => parseMessage(line) ?? []);
}

/** What a line of output says to a person: the text of a `ui` message, or a line that is no message. */
export function spokenLines(line: string): string[] {
  const message = parseMessage(line);
  if (!message) return line.trim() === '' ? [] : [line.trimEnd()];
  if (message.type !== 'ui') return [];
  return (message.data.slice(1).join(',') || '')
    .split('\n')
    .map((text) => text.replace(/^(==>)?\s*[^:\s]+:\s/, '').trim())
    .filter((text) => text !== '');
}

function vagrant<T>(
  args: readonly string[],
  timeoutMs: number,
  parse: (stdout: string) => T,
  place?: VagrantPlace,
): Command<T> {
  return {
    program: 'vagrant',
    // First, so that Vagrant itself takes it, whatever the verb knows.
    args: ['--machine-readable', ...args],
    env: {
      ...quiet,
      ...(place
        ? {
            VAGRANT_CWD: place.cwd,
            VAGRANT_DOTFILE_PATH: place.dotfilePath,
            VAGRANT_VAGRANTFILE: place.file,
          }
        : {}),
    },
    // Whatever works on a machine must not go on when nobody waits for it any more.
    ...(place ? { cwd: place.cwd, recorded: true } : {}),
    timeoutMs,
    parse,
  };
}

const nothing = (): void => undefined;

export const vagrantCommands = {
  version: (): Command<string> =>
    vagrant(['--version'], minute, (stdout) => {
      const found = /Vagrant (\S+)/.exec(stdout)?.[1];
      if (found === undefined) throw new Error(`Not a version of Vagrant: ${lastLines(stdout, 1)}`);
      return found;
    }),

  /** Plugins by name, with their versions. */
  plugins: (): Command<ReadonlyMap<string, string>> =>
    vagrant(['plugin', 'list'], minute, (stdout) => {
      const found = new Map<string, string>();
      for (const { type, target, data } of parseMessages(stdout)) {
        if (type === 'plugin-name' && data[0] !== undefined) found.set(data[0], '');
        if (type === 'plugin-version') found.set(target, (data[0] ?? '').split(',')[0]?.trim() ?? '');
      }
      return found;
    }),

  boxAdd: (name: string, file: string): Command<void> =>
    vagrant(['box', 'add', '--name', name, '--provider', 'libvirt', file], 15 * minute, nothing),

  boxRemove: (name: string): Command<void> =>
    vagrant(['box', 'remove', '--force', '--all', '--provider', 'libvirt', name], 2 * minute, nothing),

  up: (place: VagrantPlace, machine: string, provider: string): Command<void> =>
    vagrant(['up', '--provider', provider, machine], 20 * minute, nothing, place),

  /** Every machine of the file, or only this one. */
  status: (place: VagrantPlace, machine?: string): Command<readonly VagrantMachine[]> =>
    vagrant(['status', ...(machine === undefined ? [] : [machine])], minute, parseStatus, place),

  sshConfig: (place: VagrantPlace, machine: string): Command<VagrantSsh> =>
    vagrant(['ssh-config', machine], minute, parseSshConfig, place),

  halt: (place: VagrantPlace, machine: string): Command<void> =>
    vagrant(['halt', machine], 5 * minute, nothing, place),

  suspend: (place: VagrantPlace, machine: string): Command<void> =>
    vagrant(['suspend', machine], 10 * minute, nothing, place),

  destroy: (place: VagrantPlace, machine: string): Command<void> =>
    vagrant(['destroy', '--force', machine], 5 * minute, nothing, place),
};

/** Reads `vagrant status`: machines in the order of the file. */
export function parseStatus(stdout: string): readonly VagrantMachine[] {
  const found = new Map<string, { provider: string; state: string }>();
  for (const { target, type, data } of parseMessages(stdout)) {
    if (target === '' || (type !== 'provider-name' && type !== 'state')) continue;
    const machine = found.get(target) ?? { provider: '', state: 'unknown' };
    if (type === 'state') machine.state = data[0] ?? 'unknown';
    else machine.provider = data[0] ?? '';
    found.set(target, machine);
  }
  return [...found].map(([name, machine]) => ({ name, ...machine }));
}

/**
 * Reads `vagrant ssh-config`, which prints a Host block of OpenSSH's client configuration.
 * @see https://man.openbsd.org/ssh_config
 */
export function parseSshConfig(stdout: string): VagrantSsh {
  const block =
    parseMessages(stdout)
      .find(({ type }) => type === 'ssh-config')
      ?.data.join(',') ?? '';
  const values = (keyword: string): string[] =>
    block.split('\n').flatMap((line) => {
      const match = /^\s*(\w+)\s+(.*?)\s*$/.exec(line);
      if (match?.[1]?.toLowerCase() !== keyword || match[2] === undefined) return [];
      return [match[2].replace(/^"(.*)"$/, '$1')];
    });
  const [host] = values('hostname');
  const [user] = values('user');
  if (host === undefined || user === undefined) throw new Error('vagrant ssh-config printed no address.');
  return {
    host,
    port: Number(values('port')[0] ?? 22),
    user,
    identityFiles: values('identityfile'),
    proxyCommand: values('proxycommand')[0],
  };
}

/** The class and text of the error that ended a call; every one of them exits with 1. */
export function errorExit(stdout: string): { readonly name: string; readonly text: string } | undefined {
  const last = parseMessages(stdout).findLast((message) => message.type === 'error-exit');
  return last && { name: last.data[0] ?? '', text: last.data.slice(1).join(',').trim() };
}

/** True where another process works on the same machine right now. */
export function isLocked(error: unknown): boolean {
  return (
    error instanceof CommandFailed &&
    /MachineActionLockedError|MachineLocked|EnvironmentLockedError/.test(errorExit(error.stdout)?.name ?? '')
  );
}

/**
 * What a plugin of Vagrant said where it crashed: Ruby prints a message, its class and then a line for each
 * caller, and those hide the message from whoever looks at the end.
 */
export function withoutBacktrace(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => !/^\s+(?:\d+: )?from \S+:\d+:in /.test(line))
    .map((line) => line.replace(/^\S+\.rb:\d+:in [`'].*?': /, ''))
    .join('\n');
}

/** A failed call of Vagrant as an error for a person. */
export function vagrantError(error: unknown, what: string): unknown {
  if (!(error instanceof CommandFailed)) return error;
  if (error.reason === 'notFound') {
    return new SwitchyardError({
      code: 'vagrant.missing',
      what,
      why: l10n.t('Vagrant is not installed, or not on the PATH.'),
      next: l10n.t(
        'Install Vagrant and its libvirt plugin (on Debian and Ubuntu: the packages vagrant and vagrant-libvirt).',
      ),
      remedies: [{ do: 'checkRequirements' }],
      cause: error,
    });
  }
  const exit = errorExit(error.stdout);
  const text = exit?.text ?? lastLines(withoutBacktrace(error.stderr), 5);
  if (/ProviderNotFound|ProviderNotUsable|NoDefaultProvider/.test(exit?.name ?? '')) {
    return new SwitchyardError({
      code: 'vagrant.missing',
      what,
      why: l10n.t('Vagrant has no libvirt plugin.'),
      next: l10n.t('Install the package vagrant-libvirt, or run: vagrant plugin install vagrant-libvirt'),
      remedies: [{ do: 'checkRequirements' }],
      detail: text,
      cause: error,
    });
  }
  const source = sourceError(error, exit, what);
  if (source) return source;
  if (/No space left on device|ENOSPC/.test(`${text}\n${error.stderr}`)) {
    return new SwitchyardError({
      code: 'disk.full',
      what,
      why: l10n.t('There is no space left on the disk of this computer.'),
      next: l10n.t(
        'Free some: virtual machines and boxes of other projects, images that are no longer needed.',
      ),
      remedies: [{ do: 'retry' }, { do: 'showLog' }],
      detail: text,
      cause: error,
    });
  }
  if (isLocked(error)) {
    return new SwitchyardError({
      code: 'vagrant.locked',
      what,
      why: l10n.t('Another Vagrant process is working on this virtual machine and holds its lock.'),
      next: l10n.t('Let it end, or end it, and try again.'),
      remedies: [{ do: 'retry' }, { do: 'showLog' }],
      detail: text,
      cause: error,
    });
  }
  // Its plugin calls libvirt, and passes on what libvirt says.
  if (/Libvirt::\w*Error/.test(error.stderr) && isNotServed(error)) return virshError(error, what);
  return new SwitchyardError({
    code: error.reason === 'timeout' ? 'timeout' : 'vagrant.failed',
    what,
    why:
      error.reason === 'timeout'
        ? l10n.t('vagrant {0} took too long and was ended.', error.args[0] ?? '')
        : text || error.message,
    next: l10n.t('The log has the whole output.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
    detail: `${lastLines(error.stdout, 100)}\n${lastLines(error.stderr, 50)}`,
    cause: error,
  });
}
