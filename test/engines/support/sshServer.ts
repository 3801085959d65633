import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { pollUntil } from '../../../src/base/abort.ts';
import { SshConnection, type SshDefaults, type SshTarget } from '../../../src/connections/sshConnection.ts';
import { login, type SshLogin } from '../../../src/connections/sshLogin.ts';

const loginMs = 20_000;

/** A real OpenSSH server of this test's own, on a port of its own, ended by its process. */
export class SshServer {
  readonly folder = fs.mkdtempSync(path.join(tmpdir(), 'switchyard-sshd-'));
  readonly key: string;
  readonly port: number;
  readonly #daemon: ChildProcess;

  private constructor(port: number, extra: readonly string[]) {
    this.port = port;
    this.key = path.join(this.folder, 'client');
    for (const name of ['host', 'client']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(this.folder, name)]);
    }
    fs.copyFileSync(`${this.key}.pub`, path.join(this.folder, 'authorized'));
    fs.mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const config = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${path.join(this.folder, 'host')}`,
      `AuthorizedKeysFile ${path.join(this.folder, 'authorized')}`,
      `PidFile ${path.join(this.folder, 'pid')}`,
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'AcceptEnv *',
      'Subsystem sftp internal-sftp',
      ...extra,
    ];
    fs.writeFileSync(path.join(this.folder, 'config'), `${config.join('\n')}\n`);
    this.#daemon = spawn(
      '/usr/sbin/sshd',
      ['-D', '-f', path.join(this.folder, 'config'), '-E', path.join(this.folder, 'log')],
      { stdio: 'ignore' },
    );
  }

  static async start(extra: readonly string[] = []): Promise<SshServer> {
    const server = new SshServer(await freePort(), extra);
    await pollUntil(
      () => Promise.resolve(fs.existsSync(path.join(server.folder, 'pid')) ? true : undefined),
      { everyMs: 20, timeoutMs: 10_000, signal: AbortSignal.timeout(10_000) },
    );
    return server;
  }

  async connect(env: Readonly<Record<string, string>> = {}): Promise<SshConnectionForTests> {
    return connectToTestServer(this.port, this.key, env);
  }

  /** Arguments with which OpenSSH's own programs reach this server. */
  get options(): string[] {
    return [
      ...['-i', this.key, '-F', '/dev/null'],
      ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
    ];
  }

  async stop(): Promise<void> {
    const ended = once(this.#daemon, 'exit');
    this.#daemon.kill('SIGTERM');
    await ended;
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Logs in to a server of this sort, also from another process. @param key the file with the client's key */
export async function connectToTestServer(
  port: number,
  key: string,
  env: Readonly<Record<string, string>>,
): Promise<SshConnectionForTests> {
  const target: SshTarget = {
    ...{ host: '127.0.0.1', port, user: 'root' },
    ...{ privateKey: fs.readFileSync(key, 'utf8'), identityFile: key },
    hostKeys: [fs.readFileSync(path.join(path.dirname(key), 'host.pub'), 'utf8')],
  };
  const socket = connect({ host: target.host, port, noDelay: true });
  const loggedIn = await login(target, target.user, loginMs, AbortSignal.timeout(loginMs), socket);
  return new SshConnectionForTests(target, { env }, loggedIn);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** The real connection, which a test can cut. */
export class SshConnectionForTests extends SshConnection {
  readonly #login: SshLogin;

  constructor(target: SshTarget, defaults: SshDefaults, loggedIn: SshLogin) {
    super(target, defaults, loggedIn);
    this.#login = loggedIn;
  }

  /** Cuts the connection as a network does: no goodbye. */
  cut(): void {
    this.#login.socket.destroy();
  }
}
