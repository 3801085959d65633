import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { silentLogger } from '../../src/base/log.ts';
import { DockerConnection } from '../../src/connections/dockerConnection.ts';
import { DockerEngine } from '../../src/engines/docker.ts';
import { Forward } from '../../src/ports/forward.ts';
import { Client, succeed } from '../doors/support/client.ts';
import { buildProxy, containerDoor, until } from '../doors/support/door.ts';
import { connect, freePort } from '../doors/support/net.ts';
import { compareAll, isWanted, median, rowOf, type BenchOptions, type Report, type Row } from './harness.ts';

/** Bytes of one stream. */
const streamBytes = 256 * 1024 * 1024;
const entries = 10_000;

const dockerfile = `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends openssh-server && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --shell /bin/bash dev && mkdir -p /run/sshd && install -d -m 700 -o dev -g dev /home/dev/.ssh
`;

/** Prints zeros to whoever connects to a port of the loopback interface. */
const zeros = `use Socket; $| = 1; $SIG{PIPE} = 'IGNORE'; socket($s, AF_INET, SOCK_STREAM, 0); bind($s, pack_sockaddr_in(0, INADDR_LOOPBACK));
listen($s, 9); print "ready ", (unpack_sockaddr_in(getsockname $s))[0], "\\n"; $z = "\\0" x 262144;
while (accept($c, $s)) { for (1 .. ${streamBytes} / 262144) { print $c $z or last } close $c }`;

/** A host that OpenSSH's client reaches: ours, or the sshd beside it. */
interface Host {
  readonly alias: string;
  readonly config: string;
}

/** The SSH door of a container beside a real sshd in the same container, for the same client. */
export async function doorSuite(bench: BenchOptions): Promise<Report> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'sy-bench-door-'));
  const proxy = await buildProxy();
  await writeFile(path.join(folder, 'Dockerfile'), dockerfile);
  const image = (await succeed('docker', ['build', '--quiet', folder])).trim();
  const door = await containerDoor(proxy, { image });
  try {
    const hosts = { ours: door, peer: await startSshd(door.containerId, folder) };
    const rows = [
      ...(await sessions(hosts, folder, bench)),
      ...(await streams(hosts, bench)),
      ...(await forwards(hosts, door.containerId, bench)),
    ];
    return { suite: 'door', rows };
  } finally {
    await door.end();
    await rm(proxy, { recursive: true });
    await rm(folder, { recursive: true });
    await succeed('docker', ['rmi', '--force', image]);
  }
}

/** What a side is, of ours and the peer. */
type Both<T> = Readonly<Record<'ours' | 'peer', T>>;

const common = { peerName: 'sshd', before: () => Promise.resolve() } as const;

async function sessions({ ours, peer }: Both<Host>, folder: string, bench: BenchOptions): Promise<Row[]> {
  const rows = await compareAll(
    [
      {
        ...common,
        name: 'connect and run true',
        goal: '<=1.5',
        ours: () => ssh(ours, 'true'),
        peer: () => ssh(peer, 'true'),
      },
    ],
    { ...bench, runs: Math.max(bench.runs, 9) },
  );
  const masters = await Promise.all([startMaster(ours, folder, 'ours'), startMaster(peer, folder, 'peer')]);
  const [warmOurs, warmPeer] = masters;
  rows.push(
    ...(await compareAll(
      [
        {
          ...common,
          name: 'run true on a warm connection',
          goal: '<=1.5',
          ours: () => succeed('ssh', [...warmOurs.over, ours.alias, 'true']),
          peer: () => succeed('ssh', [...warmPeer.over, peer.alias, 'true']),
        },
      ],
      { ...bench, runs: Math.max(bench.runs, 15) },
    )),
  );
  if (isWanted('sftp', bench)) await ssh(ours, `mkdir many && cd many && seq ${entries} | xargs touch`);
  const list = (master: Master, alias: string): Promise<string> =>
    succeed('sftp', ['-o', `ControlPath=${master.socket}`, ...master.over.slice(0, 2), '-b', '-', alias], {
      input: 'ls -1 many\n',
    });
  rows.push(
    ...(await compareAll(
      [
        {
          ...common,
          name: `sftp lists ${entries} entries`,
          goal: '<=1.5',
          ours: () => list(warmOurs, ours.alias),
          peer: () => list(warmPeer, peer.alias),
        },
      ],
      bench,
    )),
  );
  for (const master of masters) await master.client.kill();
  return rows;
}

async function streams(hosts: Both<Host>, bench: BenchOptions): Promise<Row[]> {
  const sh = (host: Host, line: string): Promise<string> =>
    succeed('sh', ['-c', line, 'sh', host.config, host.alias]);
  return [
    ...(await rates('stream down', '>=0.5', bench, (side) =>
      sh(hosts[side], `ssh -F "$1" "$2" 'head -c ${streamBytes} /dev/zero' > /dev/null`),
    )),
    ...(await rates('stream up', '>=0.5', bench, (side) =>
      sh(hosts[side], `head -c ${streamBytes} /dev/zero | ssh -F "$1" "$2" 'cat > /dev/null'`),
    )),
  ];
}

/** A port of the environment on this computer: as the editor forwards it, and as `ssh -L` does through the door. */
async function forwards(hosts: Both<Host>, containerId: string, bench: BenchOptions): Promise<Row[]> {
  if (!isWanted('port forward', bench)) return [];
  const server = new Client('docker', ['exec', containerId, 'perl', '-e', zeros]);
  await until(() => /ready \d+/.test(server.stdout));
  const inside = /ready (\d+)/.exec(server.stdout)?.[1] ?? '';
  const engine = new DockerEngine({ program: 'docker' }, silentLogger);
  const connection = new DockerConnection(
    engine,
    { containerId, user: 'dev', env: {}, cwd: '/' },
    silentLogger,
  );
  const forward = await Forward.listen(
    { wanted: await freePort(), only: false, log: silentLogger },
    (signal) => connection.connectTcp('127.0.0.1', Number(inside), signal),
  );
  const ports = {
    ours: await startForward(hosts.ours, inside),
    peer: await startForward(hosts.peer, inside),
  };
  try {
    return [
      ...(await rates('port forward', '>=0.7', bench, (side) =>
        drain(side === 'ours' ? (forward?.localPort ?? 0) : ports.peer.port),
      )),
      ...(await rates('port forward by ssh -L', '>=0.5', bench, (side) => drain(ports[side].port))),
    ];
  } finally {
    forward?.dispose();
    connection.dispose();
    for (const { client } of [ports.ours, ports.peer, { client: server }]) await client.kill();
  }
}

/** Megabytes (10^6) a second of each side, by turns. */
async function rates(
  name: string,
  goal: string,
  bench: BenchOptions,
  work: (side: 'ours' | 'peer') => Promise<unknown>,
): Promise<Row[]> {
  if (bench.rows !== undefined && !name.startsWith(bench.rows)) return [];
  const samples = { ours: [] as number[], peer: [] as number[] };
  for (let run = 0; run < bench.runs; run++) {
    for (const side of ['ours', 'peer'] as const) {
      bench.signal.throwIfAborted();
      const began = performance.now();
      await work(side);
      samples[side].push(streamBytes / 1000 / (performance.now() - began));
    }
  }
  const row = rowOf({
    name,
    goal,
    unit: 'MB/s',
    peerName: 'sshd',
    ours: median(samples.ours),
    peer: median(samples.peer),
  });
  return [row];
}

function ssh(host: Host, command: string): Promise<string> {
  return succeed('ssh', ['-F', host.config, host.alias, command]);
}

async function startSshd(containerId: string, folder: string): Promise<Host> {
  const key = path.join(folder, 'key');
  await succeed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const inside = ['exec', '--interactive', containerId];
  await succeed('docker', [...inside, 'sh', '-c', 'cat > /home/dev/.ssh/authorized_keys'], {
    input: await readFile(`${key}.pub`),
  });
  await succeed('docker', ['exec', '--detach', containerId, '/usr/sbin/sshd', '-D', '-o', 'StrictModes=no']);
  const address = (
    await succeed('docker', ['inspect', '--format', '{{.NetworkSettings.IPAddress}}', containerId])
  ).trim();
  const hostKey = await succeed('docker', ['exec', containerId, 'cat', '/etc/ssh/ssh_host_ed25519_key.pub']);
  await writeFile(path.join(folder, 'known_hosts'), `sshd ${hostKey}`);
  const config = path.join(folder, 'config');
  await writeFile(
    config,
    `Host sshd\n  HostName ${address}\n  User dev\n  HostKeyAlias sshd\n  IdentityFile "${key}"\n  UserKnownHostsFile "${path.join(folder, 'known_hosts')}"\n  StrictHostKeyChecking yes\n  LogLevel ERROR\n`,
  );
  const host = { alias: 'sshd', config };
  await until(async () =>
    ssh(host, 'true').then(
      () => true,
      () => false,
    ),
  );
  return host;
}

interface Master {
  readonly client: Client;
  readonly socket: string;
  /** Arguments with which ssh goes over it. */
  readonly over: readonly string[];
}

async function startMaster(host: Host, folder: string, name: string): Promise<Master> {
  const socket = path.join(folder, name);
  const client = new Client('ssh', ['-F', host.config, '-N', '-M', '-S', socket, host.alias]);
  const over = ['-F', host.config, '-S', socket];
  await until(async () =>
    succeed('ssh', [...over, '-O', 'check', host.alias]).then(
      () => true,
      () => false,
    ),
  );
  return { client, socket, over };
}

async function startForward(host: Host, inside: string): Promise<{ client: Client; port: number }> {
  const port = await freePort();
  const client = new Client('ssh', [
    '-F',
    host.config,
    '-N',
    '-L',
    `127.0.0.1:${port}:127.0.0.1:${inside}`,
    host.alias,
  ]);
  await until(async () =>
    connect(port).then(
      (socket) => (socket.destroy(), true),
      () => false,
    ),
  );
  return { client, port };
}

/** Read by a program of its own: this one forwards, too. */
async function drain(port: number): Promise<void> {
  const bytes = await succeed('bash', ['-c', `wc -c < /dev/tcp/127.0.0.1/${port}`]);
  if (Number(bytes) !== streamBytes) throw new Error(`${bytes} bytes came, not ${streamBytes}.`);
}
