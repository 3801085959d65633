import { access } from 'node:fs/promises';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import { lastLines, CommandFailed, type Command, type Runner } from '../../base/process.ts';
import { vagrantCommands, vagrantError, type VagrantPlace } from '../../engines/vagrant.ts';

/** How to log in to a machine that is not made of an image box, whose own keys would say it. */
export interface MachineLogin {
  readonly host: string;
  readonly port: number;
  /** Absolute path. */
  readonly privateKeyFile: string;
  /** The keys that its SSH server showed when it was made, as lines in OpenSSH's public key format. */
  readonly hostKeys: readonly string[];
}

/** The keys that an SSH server shows. @see https://man.openbsd.org/ssh-keyscan */
export function keyScan(host: string, port: number): Command<readonly string[]> {
  return {
    program: 'ssh-keyscan',
    args: ['-T', '20', '-p', String(port), '-t', 'ed25519,ecdsa,rsa', '--', host],
    timeoutMs: 60_000,
    parse: (stdout) =>
      stdout.split('\n').flatMap((line) => {
        const match = /^\S+ ((?:ssh-|ecdsa-)\S+ \S+)$/.exec(line.trim());
        return match?.[1] === undefined ? [] : [match[1]];
      }),
  };
}

/**
 * Asks Vagrant how it logs in, and the machine for its host keys where none are known: Vagrant itself checks
 * none, so those that it shows when it has just been made are the ones that hold from then on.
 * @throws SwitchyardError
 */
export async function askLogin(
  runner: Runner,
  place: VagrantPlace,
  machine: string,
  known: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<{ readonly login: MachineLogin; readonly user: string }> {
  const what = l10n.t('The virtual machine cannot be entered.');
  const failed = (why: string, next: string, cause?: unknown): SwitchyardError =>
    new SwitchyardError({ code: 'ssh.failed', what, why, next, cause });
  let ssh;
  try {
    ssh = await runner.run(vagrantCommands.sshConfig(place, machine), { signal });
  } catch (error) {
    throw vagrantError(error, what);
  }
  if (ssh.proxyCommand !== undefined) {
    throw failed(
      l10n.t('Vagrant reaches it only through a program: {0}', ssh.proxyCommand),
      l10n.t('Use a machine whose SSH server this computer reaches itself.'),
    );
  }
  const privateKeyFile = await firstReadable(ssh.identityFiles);
  if (privateKeyFile === undefined) {
    throw failed(
      l10n.t('Vagrant names no private key for it that can be read.'),
      l10n.t('Set config.ssh.private_key_path in the Vagrantfile, or leave config.ssh.insert_key on.'),
    );
  }
  return {
    user: ssh.user,
    login: {
      host: ssh.host,
      port: ssh.port,
      privateKeyFile,
      hostKeys: known ?? (await askHostKeys(runner, ssh.host, ssh.port, failed, signal)),
    },
  };
}

async function askHostKeys(
  runner: Runner,
  host: string,
  port: number,
  failed: (why: string, next: string, cause?: unknown) => SwitchyardError,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    const keys = await runner.run(keyScan(host, port), { signal });
    if (keys.length > 0) return keys;
    throw failed(l10n.t('Its SSH server showed no host key.'), l10n.t('Restart it and try again.'));
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw failed(
      error.reason === 'notFound'
        ? l10n.t('There is no ssh-keyscan, which asks for its host keys.')
        : l10n.t('Its host keys cannot be asked for: {0}', lastLines(error.stderr, 1)),
      l10n.t('Install the OpenSSH client, or restart the machine, and try again.'),
      error,
    );
  }
}

async function firstReadable(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    try {
      await access(file);
      return file;
    } catch (error) {
      if (!['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return undefined;
}
