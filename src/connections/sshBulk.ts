import { spawn, type ChildProcess } from 'node:child_process';
import * as path from 'node:path';
import type { Disposable } from '../base/disposable.ts';
import { quoteAll } from '../base/shell.ts';
import { hopArguments, type SshHost } from '../engines/sshDial.ts';
import type { BulkProcess, BulkRequest } from './connection.ts';
import { KnownHosts } from './knownHosts.ts';
import { remoteCommand } from './sshCommand.ts';
import type { SshTarget } from './sshLogin.ts';

/** What the system's own `ssh` has to know to log in. */
export type BulkTarget = Pick<SshTarget, 'host' | 'port' | 'user' | 'identityFile' | 'hostKeys' | 'through'>;

/** What `ssh` ends with where it failed itself, and not the program that it was to run (its manual). */
const ownFailure = 255;
/** The name by which the machine's keys stand in the file of known hosts, whatever its address is. */
const hostAlias = 'switchyard';
/** In seconds: how long a login may take, and after how long without a word it asks, three times. */
const patience = { connect: 15, alive: 15 };

/**
 * Programs on an SSH server by the system's own `ssh`, each with a login of its own: OpenSSH encrypts several
 * times as fast as JavaScript, and in a process of its own. It insists on the same keys as the connection
 * does, and reads nobody's configuration.
 */
export class SshBulk implements Disposable {
  readonly #target: BulkTarget;
  readonly #running = new Set<ChildProcess>();
  readonly #knownHosts: KnownHosts;
  /** There is no such program on this computer, or no file with the key. */
  #isMissing: boolean;

  constructor(target: BulkTarget) {
    this.#target = target;
    this.#knownHosts = new KnownHosts(hostAlias, target.hostKeys);
    this.#isMissing = target.identityFile === undefined || !isPlain(target.identityFile);
  }

  /** Undefined where there is no `ssh` here. */
  async start(request: BulkRequest, signal: AbortSignal): Promise<BulkProcess | undefined> {
    signal.throwIfAborted();
    if (this.#isMissing) return undefined;
    // None of the connection's variables: whoever lists the programs of this computer would read them.
    const command = remoteCommand({ argv: request.argv, cwd: '/' });
    const args = sshArguments(this.#target, this.#knownHosts.file(), command);
    const child = spawn('ssh', args, { stdio: [request.stdin, request.stdout, 'pipe'], windowsHide: true });
    const running = new Running(child);
    this.#running.add(child);
    const onAbort = (): void => running.dispose();
    signal.addEventListener('abort', onAbort, { once: true });
    void running.exit.then(() => {
      this.#running.delete(child);
      signal.removeEventListener('abort', onAbort);
    });
    this.#isMissing = !(await running.began);
    return this.#isMissing ? undefined : running;
  }

  dispose(): void {
    this.#isMissing = true;
    for (const child of this.#running) child.kill();
    this.#knownHosts.dispose();
  }
}

/** What can be quoted in an option of ssh, which knows variables, and no way to write a quote. */
function isPlain(file: string): boolean {
  return path.isAbsolute(file) && !/["\n]|\$\{/.test(file);
}

/**
 * The arguments for a program on that server.
 * @see https://man.openbsd.org/ssh_config for what the options mean, and how a path is written there
 */
export function sshArguments(
  target: Omit<BulkTarget, 'hostKeys'>,
  knownHosts: string,
  command: string,
): string[] {
  const quoted = (file: string): string => `"${file.replaceAll('%', '%%')}"`;
  const options = {
    IdentityFile: quoted(target.identityFile ?? ''),
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    PreferredAuthentications: 'publickey',
    BatchMode: 'yes',
    HostKeyAlias: hostAlias,
    UserKnownHostsFile: quoted(knownHosts),
    GlobalKnownHostsFile: quoted(knownHosts),
    StrictHostKeyChecking: 'yes',
    CheckHostIP: 'no',
    UpdateHostKeys: 'no',
    // As the connection's own. Those against quantum computers would take a third of the login (70 ms of 200).
    KexAlgorithms: 'curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384',
    // The first is the quickest there is with AES in the processor.
    Ciphers: 'aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes256-ctr',
    Compression: 'no',
    ControlMaster: 'no',
    ControlPath: 'none',
    ConnectTimeout: String(patience.connect),
    ServerAliveInterval: String(patience.alive),
    ServerAliveCountMax: '3',
    LogLevel: 'ERROR',
    ...(target.through ? { ProxyCommand: proxyCommand(target.through, target.host, target.port) } : {}),
  };
  return [
    ...['-F', 'none', '-T', '-a', '-x', '-p', String(target.port), '-l', target.user],
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...['--', target.host, command],
  ];
}

/** The way to the host is the person's own, with what their configuration says of it. ssh has a shell exec it. */
function proxyCommand(through: SshHost, host: string, port: number): string {
  return quoteAll(['ssh', ...hopArguments(through, host, port)]).replaceAll('%', '%%');
}

class Running implements BulkProcess {
  readonly stdin;
  readonly exit: BulkProcess['exit'];
  /** False where the program could not be started. */
  readonly began: Promise<boolean>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.stdin = child.stdin ?? undefined;
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-2_000)));
    this.began = new Promise((resolve) => {
      child.once('spawn', () => resolve(true)).once('error', () => resolve(false));
    });
    this.exit = new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: undefined, said: error.message }));
      child.once('close', (code) =>
        resolve({ code: code === null || code === ownFailure ? undefined : code, said }),
      );
    });
  }

  dispose(): void {
    this.#child.kill();
  }
}
