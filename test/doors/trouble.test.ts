import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, succeed } from './support/client.ts';
import { buildProxy, containerDoor, quiet, until, type TestDoor } from './support/door.ts';

type ContainerDoor = Awaited<ReturnType<typeof containerDoor>>;

let proxy: string;
beforeAll(async () => {
  proxy = await buildProxy();
});
afterAll(async () => {
  await rm(proxy, { recursive: true, force: true });
});

const addUser = 'useradd --create-home --shell /bin/bash dev; touch /ready; exec sleep infinity';
const plain = { image: 'debian:bookworm', command: ['sh', '-c', addUser] } as const;

/** Until the container's own start is over. */
async function ready(door: ContainerDoor): Promise<ContainerDoor> {
  await until(async () => {
    const found = new Client('docker', ['exec', door.containerId, 'ls', '/ready'], { input: '' });
    return (await found.ended).code === 0;
  });
  return door;
}

function ssh(door: TestDoor, args: readonly string[], input: string | Buffer = ''): Client {
  return new Client('ssh', ['-F', door.config, ...args], { input });
}

/** Speaks sftp's packets as they are. */
class RawSftp {
  readonly client: Client;
  #bytes = Buffer.alloc(0);

  constructor(door: TestDoor) {
    this.client = new Client('ssh', ['-F', door.config, '-s', door.alias, 'sftp']);
    this.client.child.stdout?.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    });
  }

  write(bytes: Buffer): void {
    this.client.child.stdin?.write(bytes);
  }

  /** A packet of a type and what follows it. */
  send(type: number, payload: Buffer): void {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(payload.length + 1);
    head[4] = type;
    this.write(Buffer.concat([head, payload]));
  }

  async receive(): Promise<Buffer> {
    await until(() => this.#bytes.length >= 4 && this.#bytes.length >= 4 + this.#bytes.readUInt32BE(0));
    const end = 4 + this.#bytes.readUInt32BE(0);
    const packet = this.#bytes.subarray(4, end);
    this.#bytes = this.#bytes.subarray(end);
    return packet;
  }

  /** Asks, and answers the type of the answer and its status code. */
  async ask(
    type: number,
    id: number,
    rest: Buffer,
  ): Promise<{ type: number; id: number; code: number; all: Buffer }> {
    this.send(type, Buffer.concat([number(id), rest]));
    const all = await this.receive();
    const code = all[0] === 101 ? all.readUInt32BE(5) : -1;
    return { type: all[0] ?? 0, id: all.readUInt32BE(1), code, all };
  }

  async begin(): Promise<void> {
    this.send(1, number(3));
    expect((await this.receive())[0]).toBe(2);
  }
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes]);
}

describe('requests that no client should make', () => {
  let door: ContainerDoor;
  let sftp: RawSftp;
  beforeAll(async () => {
    door = await ready(await containerDoor(proxy, plain));
    sftp = new RawSftp(door);
    await sftp.begin();
  });
  afterAll(async () => {
    await sftp.client.kill();
    expect(await quiet(door)).toEqual([]);
    await door.end();
  });

  it('sftp: unknown handles, requests and extensions are refused, each by its number', async () => {
    for (const type of [4, 5, 6, 8, 12]) {
      const rest = Buffer.concat([text('none'), Buffer.alloc(8), number(0)]);
      expect(await sftp.ask(type, 70 + type, rest)).toMatchObject({ type: 101, id: 70 + type, code: 4 });
    }
    expect(await sftp.ask(99, 5, Buffer.alloc(0))).toMatchObject({ id: 5, code: 8 });
    expect(await sftp.ask(200, 6, text('no-such@extension'))).toMatchObject({ id: 6, code: 8 });
  });

  it('sftp: a path that climbs ends at the root; one with a NUL byte is a bad message', async () => {
    const climbed = await sftp.ask(16, 1, text('../../../../../etc/../../etc/hostname'));
    expect(climbed.all.toString('latin1')).toContain('\x0d/etc/hostname');
    expect(await sftp.ask(17, 2, text('/etc/hostname\0.txt'))).toMatchObject({ code: 5 });
    expect(
      await sftp.ask(3, 3, Buffer.concat([text('/root/secret'), number(0x1a), number(0)])),
    ).toMatchObject({ code: 3 });
  });

  it('sftp: lengths that lie are bad messages, and huge ones are cut', async () => {
    expect(await sftp.ask(17, 1, Buffer.concat([number(0xffffffff), Buffer.from('abc')]))).toMatchObject({
      code: 5,
    });
    expect(await sftp.ask(3, 2, text('/etc/hostname'))).toMatchObject({ code: 5 });
    const opened = await sftp.ask(3, 3, Buffer.concat([text('/bin/bash'), number(1), number(0)]));
    const handle = opened.all.subarray(5);
    const read = await sftp.ask(5, 4, Buffer.concat([handle, Buffer.alloc(8), number(0xffffffff)]));
    expect(read.all.readUInt32BE(5)).toBeLessThanOrEqual(255 * 1024);
    const far = Buffer.alloc(8, 0xff);
    expect((await sftp.ask(5, 5, Buffer.concat([handle, far, number(10)]))).type).toBe(101);
    expect(await sftp.ask(4, 6, handle)).toMatchObject({ code: 0 });
  });

  it('sftp: whatever is sent is answered once, by its number', async () => {
    let id = 1000;
    // Not the ones that change or remove something.
    const types = fc.constantFrom(3, 4, 5, 7, 8, 11, 12, 16, 17, 19, 200, 77);
    await fc.assert(
      fc.asyncProperty(types, fc.uint8Array({ maxLength: 80 }), async (type, bytes) => {
        id += 1;
        const rest = Buffer.from(bytes);
        expect((await sftp.ask(type, id, rest)).id).toBe(id);
        expect((await sftp.ask(type, id, Buffer.concat([text('/tmp'), rest]))).id).toBe(id);
      }),
      { numRuns: 150 },
    );
  });

  it('sftp: a packet of a gigabyte ends the channel, not the connection', async () => {
    const other = new RawSftp(door);
    await other.begin();
    other.write(Buffer.concat([number(1 << 30), randomBytes(100)]));
    expect((await other.client.ended).code).not.toBe(null);
    expect((await sftp.ask(16, 1, text('.'))).type).toBe(104);
  });

  it('what is no SSH ends the proxy, and nothing of it stays', async () => {
    for (const bytes of [
      randomBytes(5000),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('SSH-2.0-x\r\n' + '\xff'.repeat(300), 'latin1'),
    ]) {
      const client = new Client(process.execPath, [
        path.join(proxy, 'ssh', 'proxy.cjs'),
        path.join(door.folder, 'door.json'),
      ]);
      client.child.stdin?.write(bytes);
      // Once it speaks it has been started; what it was sent lies before it already.
      await until(() => client.stdout.includes('SSH-2.0-') || client.child.exitCode !== null);
      client.child.stdin?.end();
      const { code } = await client.ended;
      expect(code).not.toBe(null);
    }
    await sftp.client.kill();
    expect(await quiet(door)).toEqual([]);
    sftp = new RawSftp(door);
    await sftp.begin();
  });

  it('a changed host key is refused, with the one that it has now and the line to look at', async () => {
    const other = path.join(door.folder, 'other');
    await succeed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
    await writeFile(`${other}.hosts`, `${door.alias} ${await readFile(`${other}.pub`, 'utf8')}`);
    const now = await succeed('ssh-keygen', ['-lf', `${door.door.hostKeyFile}.pub`]);
    const { code, stderr } = await ssh(door, ['-o', `UserKnownHostsFile=${other}.hosts`, door.alias, 'true'])
      .ended;
    expect(code).toBe(255);
    expect(stderr).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED');
    expect(stderr).toContain(/SHA256:\S+/.exec(now)?.[0] ?? 'no fingerprint');
    expect(stderr).toContain(`${other}.hosts:1`);
  });

  it('a user that is not there is told so', async () => {
    const { code, stderr } = await ssh(door, ['-l', 'nobody-here', door.alias, 'true']).ended;
    expect(code).toBe(255);
    expect(stderr).toMatch(/nobody-here/);
  });

  it('another user that is there is who one becomes', async () => {
    expect((await ssh(door, ['-l', 'root', door.alias, 'id -un']).ended).stdout.toString()).toBe('root\n');
  });
});

describe('environments that go, stop and come back', () => {
  it('open sessions end with a message when the container is stopped, and it is started by the next', async () => {
    const door = await ready(await containerDoor(proxy, plain));
    try {
      const session = new Client('ssh', ['-F', door.config, door.alias, 'echo in; sleep 30']);
      const forward = ['-N', '-o', 'LogLevel=DEBUG', '-R', '0:127.0.0.1:9'];
      const idle = new Client('ssh', ['-F', door.config, ...forward, door.alias]);
      // One that is still on its way in would start the container again.
      await until(() => session.stdout.includes('in') && idle.stderr.includes('Allocated port'));
      await succeed('docker', ['stop', '-t', '0', door.containerId]);
      const { code, stderr } = await session.ended;
      expect(code).toBe(255);
      expect(stderr).toMatch(/The container no longer runs|Container of the test/);
      await idle.ended;
      expect((await ssh(door, [door.alias, 'echo again']).ended).stdout.toString()).toBe('again\n');
      await succeed('docker', ['pause', door.containerId]);
      expect((await ssh(door, [door.alias, 'echo awake']).ended).stdout.toString()).toBe('awake\n');
    } finally {
      await door.end();
    }
  });

  it('one that is not to be started is left, and the client is told within its patience', async () => {
    const door = await ready(await containerDoor(proxy, { ...plain, start: false }));
    try {
      await succeed('docker', ['stop', '-t', '0', door.containerId]);
      const began = performance.now();
      const { code, stderr } = await ssh(door, [door.alias, 'true']).ended;
      expect(code).toBe(255);
      expect(stderr).toContain('It does not run (exited)');
      expect(performance.now() - began).toBeLessThan(10_000);
      await succeed('docker', ['rm', door.containerId]);
      expect((await ssh(door, [door.alias, 'true']).ended).stderr).toContain('It does not exist');
    } finally {
      await rm(door.folder, { recursive: true });
    }
  });
});

describe('containers with little in them', () => {
  it('with a read-only root', async () => {
    const door = await containerDoor(proxy, {
      image: 'debian:bookworm',
      runArgs: ['--read-only'],
      user: 'root',
    });
    try {
      expect(
        (await ssh(door, [door.alias, 'id -u; touch /x 2>&1 | grep -o "Read-only"']).ended).stdout.toString(),
      ).toBe('0\nRead-only\n');
      const refused = new Client('sftp', ['-F', door.config, '-b', '-', door.alias], {
        input: 'put /etc/hostname /x\n',
      });
      expect((await refused.ended).code).toBe(1);
      expect(refused.stderr).toMatch(/Read-only|Permission denied/);
      expect(await quiet(door)).toEqual([]);
    } finally {
      await door.end();
    }
  });

  it('without bash', async () => {
    const door = await ready(
      await containerDoor(proxy, {
        image: 'debian:bookworm',
        command: ['sh', '-c', `rm /bin/bash; ${addUser.replace('/bin/bash', '/bin/sh')}`],
      }),
    );
    try {
      const { code, stdout } = await ssh(door, [door.alias, 'echo "$0 $SHELL"; exit 4']).ended;
      expect([code, stdout.toString()]).toEqual([4, 'sh /bin/sh\n']);
    } finally {
      await door.end();
    }
  });

  it('without perl: programs, terminals and -L through Docker alone; sftp says what is missing', async () => {
    const door = await ready(
      await containerDoor(proxy, {
        image: 'debian:bookworm',
        command: ['sh', '-c', `rm -f /usr/bin/perl*; ${addUser}`],
      }),
    );
    try {
      const { code, stdout, stderr } = await ssh(
        door,
        [door.alias, 'id -un; pwd; cat; echo err >&2; exit 6'],
        'input',
      ).ended;
      expect([code, stdout.toString(), stderr]).toEqual([6, 'dev\n/home/dev\ninput', 'err\n']);
      const terminal = ssh(door, ['-tt', door.alias, 'tty; exit 7']);
      expect((await terminal.ended).code).toBe(7);
      expect(terminal.stdout).toMatch(/\/dev\/pts\/\d/);
      const refused = await new Client('sftp', ['-F', door.config, '-b', '-', door.alias], { input: 'ls\n' })
        .ended;
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain('has no perl');
      const killed = new Client('ssh', ['-F', door.config, door.alias, 'sleep 11.11']);
      await until(async () => (await door.processes()).some((line) => line.includes('11.11')));
      await killed.kill();
      expect(await quiet(door)).toEqual([]);
    } finally {
      await door.end();
    }
  });

  it('without a shell: the client is told', async () => {
    const door = await ready(
      await containerDoor(proxy, {
        image: 'debian:bookworm',
        command: ['perl', '-e', 'open my $f, ">", "/ready"; unlink glob("/bin/*sh"); sleep 3600'],
        user: 'root',
      }),
    );
    try {
      const { code, stderr } = await ssh(door, [door.alias, 'true']).ended;
      expect(code).toBe(127);
      expect(stderr).toMatch(/\/bin\/bash: No such file/);
    } finally {
      await door.end();
    }
  });
});
