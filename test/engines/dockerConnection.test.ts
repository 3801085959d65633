import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { RemoteProcess } from '../../src/connections/connection.ts';
import { DockerConnection } from '../../src/connections/dockerConnection.ts';
import { relays } from '../../src/connections/relay.ts';
import { run } from '../../src/connections/run.ts';
import { never, realEngine, removeContainer, startContainer } from './support/docker.ts';

const engine = realEngine();
let containerId: string;
let connection: DockerConnection;

function connect(): DockerConnection {
  const target = {
    containerId,
    user: 'dev',
    env: { FROM_CONFIG: "it's $HOME; `id`" },
    cwd: '/srv',
  };
  return new DockerConnection(engine, target, silentLogger);
}

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const met = await pollUntil(async () => ((await condition()) ? true : undefined), {
    everyMs: 50,
    timeoutMs: 30_000,
    signal: never,
  });
  expect(met).toBe(true);
}

/** Collects what a process prints, so that a test can wait for a text in it. */
function reader(process: RemoteProcess): { text: string } {
  const seen = { text: '' };
  process.stdout.on('data', (chunk: Buffer) => (seen.text += chunk.toString()));
  process.stderr.on('data', (chunk: Buffer) => (seen.text += chunk.toString()));
  return seen;
}

async function sh(script: string, user?: string): Promise<string> {
  const argv = ['sh', '-c', script];
  const { stdout } = await run(connection, user === undefined ? { argv } : { argv, user }, never);
  return stdout.toString().trim();
}

beforeAll(async () => {
  containerId = await startContainer(engine);
  connection = connect();
  await eventually(
    async () => (await run(connection, { argv: ['test', '-e', '/ready'], user: '0' }, never)).code === 0,
  );
});
afterAll(async () => {
  connection.dispose();
  await removeContainer(engine, containerId);
});

describe('exec', () => {
  it('runs with the user, the folder and the environment of the connection, without a shell', async () => {
    const { code, stdout } = await run(
      connection,
      { argv: ['sh', '-c', 'id -un; pwd; echo "$FROM_CONFIG"; echo "$1"', 'sh', '$(date) "x"'] },
      never,
    );
    expect(code).toBe(0);
    expect(stdout.toString()).toBe('dev\n/srv\nit\'s $HOME; `id`\n$(date) "x"\n');
  });

  it('lets a request say otherwise', async () => {
    const { stdout } = await run(
      connection,
      {
        argv: ['sh', '-c', 'id -un; pwd; echo $FROM_CONFIG'],
        user: 'root',
        cwd: '/tmp',
        env: { FROM_CONFIG: 'x' },
      },
      never,
    );
    expect(stdout.toString()).toBe('root\n/tmp\nx\n');
  });

  it('keeps standard output, standard error and the exit code apart', async () => {
    const argv = ['sh', '-c', 'echo out; echo err >&2; exit 3'];
    const { code, stdout, stderr } = await run(connection, { argv }, never);
    expect([code, stdout.toString(), stderr.toString()]).toEqual([3, 'out\n', 'err\n']);
  });

  it('carries bytes both ways as they are, and passes on the end of the input', async () => {
    const bytes = randomBytes(3_000_000);
    const { stdout } = await run(connection, { argv: ['sha256sum'], input: bytes }, never);
    expect(stdout.toString().slice(0, 64)).toBe(createHash('sha256').update(bytes).digest('hex'));
    const echoed = await run(connection, { argv: ['cat'], input: bytes }, never);
    expect(echoed.stdout.equals(bytes)).toBe(true);
  });

  it('waits for a slow reader and loses nothing', async () => {
    const process = await connection.exec({ argv: ['head', '-c', '5000000', '/dev/zero'] }, never);
    process.stderr.resume();
    let length = 0;
    for await (const chunk of process.stdout) {
      length += (chunk as Buffer).length;
      await new Promise(setImmediate);
    }
    expect(length).toBe(5_000_000);
    expect((await process.exit).code).toBe(0);
  });

  it('says that a program is not there', async () => {
    const { code } = await run(connection, { argv: ['no-such-program'] }, never);
    expect([126, 127]).toContain(code);
  });
});

describe('a terminal', () => {
  const tty = { columns: 101, rows: 33 };

  it('brings what was said in it at once to whoever gets it', async () => {
    for (let n = 0; n < 10; n += 1) {
      const process = await connection.exec({ argv: ['echo', `${n} heard`], tty }, never);
      let said = '';
      process.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      process.stderr.resume();
      await process.exit;
      expect(said).toBe(`${n} heard\r\n`);
    }
  });

  it('has the size that was asked for, is told a new one, and ends with its shell', async () => {
    const process = await connection.exec({ argv: ['bash'], tty }, never);
    const seen = reader(process);
    await eventually(() => Promise.resolve(seen.text.includes('$')));
    process.stdin.write('stty size; tty\n');
    await eventually(() => Promise.resolve(/33 101\s+\/dev\/pts\/\d/.test(seen.text)));
    process.resize({ columns: 72, rows: 20 });
    process.stdin.write('while [ "$(stty size)" != "20 72" ]; do sleep 0.05; done; echo siz\'\'ed\n');
    await eventually(() => Promise.resolve(seen.text.includes('sized')));
    process.stdin.write('exit 5\n');
    expect((await process.exit).code).toBe(5);
    // Headers of frames would stand between the lines.
    expect(seen.text).not.toContain('\0');
  });
});

describe('ending', () => {
  /** The process ids of `sleep <marker>` in the container. */
  const sleepers = (marker: string): Promise<string> =>
    sh(
      `for f in /proc/[0-9]*; do [ "$(tr '\\0' ' ' < $f/cmdline)" != "sleep ${marker} " ] || echo \${f#/proc/}; done 2>/dev/null`,
      '0',
    );
  const living = async (marker: string): Promise<boolean> => (await sleepers(marker)) !== '';

  it.each([
    ['without', undefined],
    ['with', { columns: 80, rows: 24 }],
  ])('%s a terminal leaves no process behind', async (_name, tty) => {
    const marker = `1${Math.trunc(Math.random() * 1e8)}`;
    const argv = ['sh', '-c', `sleep ${marker} & sleep ${marker}`];
    const process = await connection.exec(tty ? { argv, tty } : { argv }, never);
    reader(process);
    await eventually(() => living(marker));
    process.dispose();
    await eventually(async () => !(await living(marker)));
    await process.exit;
  });

  it('also ends what ignores being asked', async () => {
    const marker = `2${Math.trunc(Math.random() * 1e8)}`;
    const argv = ['sh', '-c', `trap "" TERM HUP; sleep ${marker}; sleep ${marker}`];
    const process = await connection.exec({ argv }, never);
    reader(process);
    await eventually(() => living(marker));
    process.dispose();
    await eventually(async () => !(await living(marker)));
  });

  it('leaves alone what a program put into a session of its own', async () => {
    const marker = `3${Math.trunc(Math.random() * 1e8)}`;
    const argv = ['sh', '-c', `setsid sleep ${marker} & sleep 1${marker}`];
    const process = await connection.exec({ argv }, never);
    reader(process);
    await eventually(() => living(`1${marker}`));
    process.dispose();
    await eventually(async () => !(await living(`1${marker}`)));
    expect(await living(marker)).toBe(true);
    await sh(`kill ${await sleepers(marker)}`, '0');
  });

  it('by a signal reaches the program', async () => {
    const argv = [
      'sh',
      '-c',
      'trap "echo interrupted; exit 7" INT; echo ready; while :; do sleep 0.05; done',
    ];
    const process = await connection.exec({ argv }, never);
    const seen = reader(process);
    await eventually(() => Promise.resolve(seen.text.includes('ready')));
    await process.kill('INT');
    expect((await process.exit).code).toBe(7);
    expect(seen.text).toContain('interrupted');
  });

  it('of a run that is cancelled ends the program', async () => {
    const marker = `4${Math.trunc(Math.random() * 1e8)}`;
    const cancel = new AbortController();
    const running = run(connection, { argv: ['sleep', marker] }, cancel.signal);
    await eventually(() => living(marker));
    cancel.abort();
    await expect(running).rejects.toThrow();
    await eventually(async () => !(await living(marker)));
  });
});

describe('ports', () => {
  it.each(relays.filter(({ program }) => program === 'bash'))(
    'are reached by $program, where there is no perl',
    async (relay) => {
      const port = 4702;
      const server = await connection.exec(
        {
          argv: [
            'perl',
            '-MIO::Socket::INET',
            '-e',
            `my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => ${port}, Listen => 1, ReuseAddr => 1) or die; $| = 1; print "ready\\n"; my $c = $s->accept; while (<$c>) { print $c uc; }`,
          ],
        },
        never,
      );
      const seen = reader(server);
      await eventually(() => Promise.resolve(seen.text.includes('ready')));
      const process = await connection.exec({ argv: relay.argv('127.0.0.1', port) }, never);
      const answer = reader(process);
      process.stdin.write('hello\n');
      await eventually(() => Promise.resolve(answer.text === '+HELLO\n'));
      process.dispose();
      server.dispose();
    },
  );

  it('are streams of their own, with an end in each direction', async () => {
    const server = await connection.exec(
      {
        argv: [
          'perl',
          '-MIO::Socket::INET',
          '-e',
          'my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 4703, Listen => 1, ReuseAddr => 1) or die; $| = 1; print "ready\n"; my $c = $s->accept; local $/; my $all = <$c>; print $c length($all);',
        ],
      },
      never,
    );
    const seen = reader(server);
    await eventually(() => Promise.resolve(seen.text.includes('ready')));
    const stream = await connection.connectTcp('127.0.0.1', 4703, never);
    let answer = '';
    stream.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    stream.end(Buffer.alloc(300_000));
    await once(stream, 'end');
    expect(answer).toBe('300000');
    server.dispose();
  });

  it('on which nobody listens are an error', async () => {
    await expect(connection.connectTcp('127.0.0.1', 4999, never)).rejects.toMatchObject({
      code: 'environment.gone',
    });
  });
});

describe('unix sockets', () => {
  it('inside are brought here while the connection lives, and only its user reaches them', async () => {
    const brief = new DockerConnection(engine, { containerId, user: 'dev', env: {}, cwd: '/' }, silentLogger);
    const socket = await brief.listenUnix((stream) => {
      let text = '';
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
      stream.on('end', () => stream.end(text.toUpperCase()));
    }, never);
    const ask = `use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un(shift)) or exit 7; syswrite S, "hello" x 60000; shutdown S, 1; local $/; print length <S>`;
    const as = async (user: string): Promise<string> => {
      const { code, stdout } = await run(brief, { argv: ['perl', '-e', ask, socket.path], user }, never);
      return `${code} ${stdout.toString()}`;
    };
    expect(await as('dev')).toBe('0 300000');
    expect(await as('nobody')).toBe('7 ');
    const again = await brief.listenUnix(() => undefined, never);
    again.dispose();
    brief.dispose();
    const gone = ['test', '!', '-e', path.posix.dirname(socket.path)];
    await eventually(async () => (await run(connection, { argv: gone }, never)).code === 0);
  });
});

describe('the connection', () => {
  let other: string | undefined;
  afterEach(async () => {
    if (other) await removeContainer(engine, other);
    other = undefined;
  });

  it('ends, and says so, when the container ends', async () => {
    other = await startContainer(engine);
    const target = { containerId: other, user: '0', env: {}, cwd: '/' };
    const mortal = new DockerConnection(engine, target, silentLogger);
    const closed = new Promise((resolve) => mortal.onDidClose(resolve));
    const process = await mortal.exec({ argv: ['sleep', '1000'] }, never);
    reader(process);
    await engine.ask('x', (docker) => docker.getContainer(target.containerId).kill(), { signal: never });
    await closed;
    expect(mortal.isClosed).toBe(true);
    await process.exit;
    await expect(mortal.exec({ argv: ['true'] }, never)).rejects.toMatchObject({ code: 'environment.gone' });
  });
});
