import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { Duplex } from 'node:stream';
import { Client, type ClientChannel } from 'ssh2';
import { Emitter } from '../../../src/base/event.ts';
import { pollUntil } from '../../../src/base/abort.ts';
import { keepKeys } from '../../../src/connections/keyObjects.ts';
import { quoteAll } from '../../../src/base/shell.ts';
import type {
  Connection,
  ExecRequest,
  ExitStatus,
  RemoteProcess,
} from '../../../src/connections/connection.ts';

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
  const client = new Client();
  client.on('handshake', () => keepKeys(client));
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve).once('error', reject);
    client.connect({
      host: '127.0.0.1',
      port,
      username: 'root',
      privateKey: fs.readFileSync(key),
      algorithms: { cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr'] },
    });
  });
  client.setNoDelay(true);
  return new SshConnectionForTests(client, env);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** A connection over ssh2 with nothing but what the sync needs. */
export class SshConnectionForTests implements Connection {
  readonly description = 'root@127.0.0.1';
  readonly user = 'root';
  readonly client: Client;
  readonly #closed = new Emitter<Error | undefined>();
  readonly onDidClose = this.#closed.event;
  readonly #env: Readonly<Record<string, string>>;
  isClosed = false;

  constructor(client: Client, env: Readonly<Record<string, string>>) {
    this.client = client;
    this.#env = env;
    client.on('error', () => undefined);
    client.once('close', () => {
      this.isClosed = true;
      this.#closed.fire(undefined);
    });
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<RemoteProcess> {
    signal.throwIfAborted();
    const env = Object.entries({ ...this.#env, ...request.env }).map(([name, value]) => `${name}=${value}`);
    const command = quoteAll(['env', '-C', request.cwd ?? '/', ...env, ...request.argv]);
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      this.client.exec(command, (error, opened) => (error ? reject(error) : resolve(opened)));
    });
    let status: ExitStatus = { code: undefined, signal: undefined };
    channel.on('exit', (code: number | null, name?: string) => {
      status = { code: code ?? undefined, signal: name };
    });
    return {
      stdin: channel,
      stdout: channel,
      stderr: channel.stderr,
      exit: new Promise((resolve) => channel.once('close', () => resolve(status))),
      resize: () => undefined,
      kill: () => Promise.resolve(),
      dispose: () => channel.destroy(),
    };
  }

  connectTcp(): Promise<Duplex> {
    return Promise.reject(new Error('Not in this test.'));
  }

  /** Cuts the connection as a network does: no goodbye. */
  cut(): void {
    this.client.destroy();
  }

  dispose(): void {
    this.client.end();
  }
}
