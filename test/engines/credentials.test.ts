import { once } from 'node:events';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { ExecaRunner } from '../../src/base/execaRunner.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Connection } from '../../src/connections/connection.ts';
import { DockerConnection } from '../../src/connections/dockerConnection.ts';
import { run } from '../../src/connections/run.ts';
import { connectSsh } from '../../src/connections/sshConnection.ts';
import { withVariables } from '../../src/connections/withVariables.ts';
import { HostCredentials } from '../../src/credentials/hostCredentials.ts';
import { SharedCredentials } from '../../src/credentials/sharedCredentials.ts';
import { never, realEngine, removeContainer, startContainer } from './support/docker.ts';
import { SshServer } from './support/sshServer.ts';

const execute = promisify(execFile);

/** Asks the agent for its keys, as ssh-add -l does (draft-miller-ssh-agent, 3.5), with nothing but Perl. */
const listKeys = `use Socket; socket(S,AF_UNIX,SOCK_STREAM,0); connect(S,pack_sockaddr_un($ENV{SSH_AUTH_SOCK})) or exit 7; syswrite S,pack("NC",1,11); sysread S,$b,9999; print $b`;

/** Does what git does with a helper that begins with "!" (git's credential.c). */
const askHelper = 'printf "protocol=https\\nhost=$1\\n\\n" | sh -c "${GIT_CONFIG_VALUE_0#!} ${2:-get}"';

let folder: string;
let agent: ChildProcess;
let host: HostCredentials;

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const met = await pollUntil(async () => ((await condition()) ? true : undefined), {
    everyMs: 50,
    timeoutMs: 30_000,
    signal: never,
  });
  expect(met).toBe(true);
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'sy-credentials-'));
  const socket = path.join(folder, 'agent');
  agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  await eventually(() => isThere(socket));
  const key = path.join(folder, 'key');
  await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a key of the test', '-f', key]);
  await execute('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
  const config = path.join(folder, 'gitconfig');
  await writeFile(
    config,
    '[credential "https://example.org"]\n helper = "!f() { cat >/dev/null; echo username=me; echo password=secret; }; f"\n',
  );
  host = new HostCredentials({
    runner: new ExecaRunner(silentLogger, { GIT_CONFIG_GLOBAL: config, GIT_CONFIG_NOSYSTEM: '1' }),
    folder,
    env: { SSH_AUTH_SOCK: socket },
    log: silentLogger,
  });
});
afterAll(async () => {
  agent.kill();
  if (agent.exitCode === null) await once(agent, 'exit');
  await rm(folder, { recursive: true });
});

/** What must hold whatever the way in is. */
async function check(connection: Connection): Promise<void> {
  const shared = await SharedCredentials.open(connection, host, ['sshAgent', 'git'], never);
  const inside = withVariables(connection, shared.variables);
  const output = async (argv: readonly string[]): Promise<string> =>
    (await run(inside, { argv, cwd: '/' }, never)).stdout.toString();
  expect(await output(['perl', '-e', listKeys])).toContain('a key of the test');
  const ask = (name: string, operation = 'get'): Promise<string> =>
    output(['sh', '-c', askHelper, 'sh', name, operation]);
  expect(await ask('example.org')).toBe('username=me\npassword=secret\n');
  expect(await ask('example.com'), 'a host that nobody knows').toBe('');
  expect(await ask('example.org', 'erase')).toBe('');
  const sockets = [
    shared.variables['SSH_AUTH_SOCK'] ?? '',
    shared.variables['GIT_CONFIG_VALUE_0']?.split(' ').at(-1) ?? '',
  ];
  for (const socket of sockets) {
    expect(await output(['stat', '-c', '%a', path.posix.dirname(socket)])).toBe('700\n');
  }
  shared.dispose();
  for (const socket of sockets) {
    await eventually(
      async () => (await run(connection, { argv: ['test', '-e', socket], cwd: '/' }, never)).code === 1,
    );
  }
  expect(await ask('example.org'), 'when it is over').toBe('');
}

describe('credentials of this computer', () => {
  it('are used in a container while they are shared, and nothing of them stays', async () => {
    const engine = realEngine();
    const containerId = await startContainer(engine);
    const connection = new DockerConnection(
      engine,
      { containerId, user: '0', env: {}, cwd: '/' },
      silentLogger,
    );
    try {
      await check(connection);
    } finally {
      connection.dispose();
      await removeContainer(engine, containerId);
    }
  });

  it('are used over SSH while they are shared, and nothing of them stays', async () => {
    const sshd = await SshServer.start();
    const connection = await connectSsh(
      {
        host: '127.0.0.1',
        port: sshd.port,
        user: 'root',
        privateKey: readFileSync(sshd.key, 'utf8'),
        hostKeys: [readFileSync(path.join(sshd.folder, 'host.pub'), 'utf8')],
      },
      { env: {} },
      never,
    );
    try {
      await check(connection);
    } finally {
      connection.dispose();
      await sshd.stop();
    }
  });

  it('are refused where there is no agent to share', () => {
    const without = new HostCredentials({
      runner: new ExecaRunner(silentLogger),
      folder,
      env: {},
      log: silentLogger,
    });
    expect(() => without.agentAddress()).toThrow(expect.objectContaining({ code: 'config.missing' }));
  });
});
