import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { silentLogger } from '../../src/base/log.ts';
import { readPorts, type PortProperties } from '../../src/config/ports.ts';
import type { Connection, RemoteProcess } from '../../src/connections/connection.ts';
import { DockerConnection } from '../../src/connections/dockerConnection.ts';
import { connectSsh } from '../../src/connections/sshConnection.ts';
import { run } from '../../src/connections/run.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { EnvironmentPorts } from '../../src/ports/environmentPorts.ts';
import { Forward } from '../../src/ports/forward.ts';
import { never, realEngine, removeContainer, startContainer } from './support/docker.ts';
import { SshServer } from './support/sshServer.ts';

const engine = realEngine();
let containerId: string;
let connection: DockerConnection;
let ports: EnvironmentPorts;

/** Answers every request with who it is. */
const server = `
use IO::Socket::INET; $| = 1;
my $s = IO::Socket::INET->new(LocalAddr => $ARGV[0], LocalPort => $ARGV[1], Listen => 5, ReuseAddr => 1) or die $!;
print "ready\\n";
while (my $c = $s->accept) {
  while (defined(my $line = <$c>)) { last if $line =~ /^\\r?$/ }
  print $c "HTTP/1.0 200 OK\\r\\n\\r\\n", scalar(getpwuid $<), " inside\\n"; close $c;
}`;

/** How many words of four bytes a counted stream has. */
const countedWords = 4_000_000;

/** Is told a number, and answers with it and all words from 0 on, by turns in pieces of many sizes. */
const counting = `
use IO::Socket::INET; $| = 1; $SIG{CHLD} = 'IGNORE'; $SIG{PIPE} = 'DEFAULT';
my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 5, ReuseAddr => 1) or die $!;
print "ready\n";
while (my $c = $s->accept) {
  next if fork;
  my $number = <$c>;
  for (my ($at, $size) = (0, 1); $at < ${countedWords}; $size = $size * 3 % 40_009) {
    my $end = $at + $size; $end = ${countedWords} if $end > ${countedWords};
    syswrite $c, pack('N*', map { $_ ^ $number << 24 } $at .. $end - 1); $at = $end;
  }
  exit;
}`;

/** How many of the words came as they should, until one did not. */
async function countedBy(
  port: number,
  number: number,
  before?: Promise<unknown>,
): Promise<{ number: number; right: number }> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(`${number}\n`);
  // Until then nobody reads, and what is under way fills all there is room for.
  await before;
  let right = 0;
  let rest = Buffer.alloc(0);
  for await (const chunk of socket) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    const end = bytes.length - (bytes.length % 4);
    for (let at = 0; at < end; at += 4) {
      if (bytes.readUInt32BE(at) !== (right ^ (number << 24)) >>> 0) return { number, right };
      right += 1;
    }
    rest = bytes.subarray(end);
  }
  return { number, right };
}

async function serve(address: string, port: number): Promise<RemoteProcess> {
  const process = await connection.exec({ argv: ['perl', '-e', server, address, String(port)] }, never);
  await new Promise((resolve) => process.stdout.once('data', resolve));
  return process;
}

/** As much of an environment as its ports need. */
function environmentOf(to: Connection, config: PortProperties): Environment {
  return {
    kind: 'container',
    status: { state: 'running' },
    connect: () => Promise.resolve(to),
    details: () => Promise.resolve({ ports: readPorts(config, true) }),
  } as unknown as Environment;
}

async function becomes(condition: () => Promise<boolean> | boolean): Promise<void> {
  const met = await pollUntil(async () => ((await condition()) ? true : undefined), {
    everyMs: 50,
    timeoutMs: 30_000,
    signal: never,
  });
  expect(met).toBe(true);
}

describe('the ports of a container', () => {
  beforeAll(async () => {
    containerId = await startContainer(engine);
    connection = new DockerConnection(engine, { containerId, user: 'dev', env: {}, cwd: '/' }, silentLogger);
    await becomes(
      async () => (await run(connection, { argv: ['test', '-e', '/ready'], user: '0' }, never)).code === 0,
    );
    const environment = environmentOf(connection, { portsAttributes: { 3456: { label: 'Web' } } });
    ports = new EnvironmentPorts(environment, { isActive: () => true, log: silentLogger });
  });
  afterAll(async () => {
    ports.dispose();
    connection.dispose();
    await removeContainer(engine, containerId);
  });

  it('are found when a program listens, answer on this computer, and go with it', async () => {
    await ports.reload();
    const program = await serve('127.0.0.1', 3456);
    await becomes(() => ports.list.length > 0);
    const [found] = ports.list;
    expect(ports.list).toMatchObject([{ port: 3456, origin: 'found', attributes: { label: 'Web' } }]);
    expect(found?.command).toContain('perl');
    const answer = await fetch(`http://127.0.0.1:${found?.localPort ?? 0}/`, {
      signal: AbortSignal.timeout(30_000),
    });
    expect(await answer.text()).toBe('dev inside\n');
    program.dispose();
    await becomes(() => ports.list.length === 0);
  });

  it('are reached at the address on which they listen, also where it is not the loopback', async () => {
    const { stdout } = await run(connection, { argv: ['hostname', '-i'] }, never);
    const program = await serve(stdout.toString().trim(), 3457);
    await becomes(() => ports.list.some(({ port }) => port === 3457));
    const found = ports.list.find(({ port }) => port === 3457);
    const answer = await fetch(`http://127.0.0.1:${found?.localPort ?? 0}/`, {
      signal: AbortSignal.timeout(30_000),
    });
    expect(await answer.text()).toBe('dev inside\n');
    program.dispose();
    await program.exit;
  });

  it('carry several streams at once byte for byte, also to who reads later or goes away', async () => {
    const counter = await connection.exec({ argv: ['perl', '-e', counting, '3459'] }, never);
    await new Promise((resolve) => counter.stdout.once('data', resolve));
    const forward = await Forward.listen({ wanted: 0, only: false, log: silentLogger }, (signal) =>
      connection.connectTcp('127.0.0.1', 3459, signal),
    );
    const port = forward?.localPort ?? 0;
    const gone = connect({ port, host: '127.0.0.1' });
    gone.write('9\n');
    gone.once('data', () => gone.destroy());
    const quick = Promise.all([countedBy(port, 1), countedBy(port, 2)]);
    const slow = countedBy(port, 3, quick);
    const whole = [...(await quick), await slow];
    expect(whole).toEqual([1, 2, 3].map((number) => ({ number, right: countedWords })));
    forward?.dispose();
    counter.dispose();
  });

  it('are watched by one program, which ends with the watching', async () => {
    const watchers = async (): Promise<number> => {
      const { Processes } = await engine.ask(
        'The processes of the container.',
        (docker) => docker.getContainer(containerId).top() as Promise<{ Processes: string[][] }>,
        { signal: never },
      );
      return Processes.filter((columns) => columns.join(' ').includes('/proc/net/tcp')).length;
    };
    expect(await watchers()).toBe(1);
    ports.dispose();
    await becomes(async () => (await watchers()) === 0);
  });
});

describe('the ports of a machine, over SSH', () => {
  it('are found, answer, and go when what listens ends', async () => {
    const sshd = await SshServer.start();
    const target = {
      host: '127.0.0.1',
      port: sshd.port,
      user: 'root',
      privateKey: readFileSync(sshd.key, 'utf8'),
      hostKeys: [readFileSync(path.join(sshd.folder, 'host.pub'), 'utf8')],
      admin: 'root',
    };
    const machine = await connectSsh(target, { env: {} }, never);
    const process = await machine.exec({ argv: ['perl', '-e', server, '127.0.0.1', '0'] }, never);
    // The machine is this very computer: all that else listens here is none of ours.
    const found = new EnvironmentPorts(
      environmentOf(machine, {
        portsAttributes: { 'IO::Socket::INET': { label: 'Ours' } },
        otherPortsAttributes: { onAutoForward: 'ignore' },
      }),
      { isActive: () => true, log: silentLogger },
    );
    try {
      await found.reload();
      await becomes(() => found.list.length > 0);
      expect(found.list).toMatchObject([{ origin: 'found', listening: true, attributes: { label: 'Ours' } }]);
      const answer = await fetch(`http://127.0.0.1:${found.list[0]?.localPort ?? 0}/`, {
        signal: AbortSignal.timeout(30_000),
      });
      expect(await answer.text()).toBe('root inside\n');
      process.dispose();
      await becomes(() => found.list.length === 0);
    } finally {
      found.dispose();
      machine.dispose();
      await sshd.stop();
    }
  });
});
