import { readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectSsh, type SshConnection, type SshTarget } from '../../src/connections/sshConnection.ts';
import { generateKeys } from '../../src/environments/vm/image/keys.ts';
import { never } from './support/docker.ts';
import { SshServer } from './support/sshServer.ts';
import { output } from './support/vm.ts';

describe('a connection over SSH, with a real sshd', () => {
  let server: SshServer;
  let target: SshTarget;
  let connection: SshConnection;

  beforeAll(async () => {
    server = await SshServer.start();
    target = {
      host: '127.0.0.1',
      port: server.port,
      user: 'root',
      privateKey: readFileSync(server.key, 'utf8'),
      hostKeys: [readFileSync(path.join(server.folder, 'host.pub'), 'utf8')],
      admin: 'root',
    };
    // Not only root may read whose keys open.
    await chmod(server.folder, 0o711);
    connection = await connectSsh(target, { cwd: '/usr', env: { A: 'from the defaults' } }, never);
  });

  afterAll(async () => {
    connection.dispose();
    await server.stop();
  });

  it('refuses a server with another key, and shows both fingerprints', async () => {
    const { hostPublic } = await generateKeys();
    const error = await connectSsh({ ...target, hostKeys: [hostPublic] }, { env: {} }, never).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'ssh.hostKey' });
    expect((error as { why: string }).why.match(/SHA256:\S{43}/g)).toHaveLength(2);
  });

  it('says who is not let in', async () => {
    const { userPrivate } = await generateKeys();
    await expect(
      connectSsh({ ...target, privateKey: userPrivate }, { env: {} }, never),
    ).rejects.toMatchObject({ code: 'ssh.failed' });
  });

  it('brings arguments, variables and folder to the program as they are', async () => {
    const words = ['a b', `'"$HOME\\`, '', 'ü\n'];
    const printed = await output(connection, ['sh', '-c', 'printf "%s|" "$PWD" "$A" "$@"', 'sh', ...words]);
    expect(printed).toBe(['/usr', 'from the defaults', ...words, ''].join('|'));
    expect(await output(connection, ['pwd'], { cwd: '/tmp' })).toBe('/tmp');
    expect(await output(connection, ['sh', '-c', 'id -un; echo "$HOME"'], { user: 'nobody' })).toBe(
      'nobody\n/nonexistent',
    );
  });

  it('tells how a program ended', async () => {
    await expect(output(connection, ['sh', '-c', 'exit 3'])).rejects.toThrow(/: 3 /);
    const killed = await connection.exec({ argv: ['sh', '-c', 'kill -TERM $$'] }, never);
    killed.stdout.resume();
    killed.stderr.resume();
    expect(await killed.exit).toEqual({ code: undefined, signal: 'TERM' });
  });

  it('ends a program that nobody wants any more, in a session of root and at once as well', async () => {
    const process = await connection.exec({ argv: ['sleep', '1000'] }, never);
    process.dispose();
    expect(await process.exit).toEqual({ code: undefined, signal: 'TERM' });
  });

  it('signals what a program started along with it, and nobody else', async () => {
    const bystander = await connection.exec({ argv: ['sleep', '1000'] }, never);
    const process = await connection.exec(
      { argv: ['sh', '-c', 'trap "echo caught; exit 4" TERM; sleep 1000 & echo up; wait'], user: 'nobody' },
      never,
    );
    const printed: string[] = [];
    const up = new Promise<void>((resolve) =>
      process.stdout.on('data', (chunk: Buffer) => {
        printed.push(chunk.toString());
        resolve();
      }),
    );
    process.stderr.resume();
    await up;
    await process.kill('TERM');
    expect(await process.exit).toMatchObject({ code: 4 });
    expect(printed.join('')).toBe('up\ncaught\n');
    await bystander.kill('KILL');
    bystander.stdout.resume();
    bystander.stderr.resume();
    expect(await bystander.exit).toEqual({ code: undefined, signal: 'KILL' });
  });

  it('has a terminal that resizes', async () => {
    const shell = await connection.exec({ argv: ['sh'], tty: { columns: 80, rows: 24 } }, never);
    let seen = '';
    const resized = new Promise<void>((resolve) =>
      shell.stdout.on('data', (chunk: Buffer) => {
        seen += chunk.toString('utf8');
        if (seen.includes('40 132')) resolve();
      }),
    );
    shell.resize({ columns: 132, rows: 40 });
    shell.stdin.write('stty size\n');
    await resized;
    shell.dispose();
    await shell.exit;
  });

  it('opens ports as seen from inside', async () => {
    const stream = await connection.connectTcp('127.0.0.1', server.port, never);
    const banner = await new Promise<string>((resolve) =>
      stream.once('data', (data: Buffer) => resolve(data.toString())),
    );
    stream.destroy();
    expect(banner).toMatch(/^SSH-2\.0-OpenSSH/);
  });

  it('is closed at once when it is disposed, and then opens nothing', async () => {
    const second = await connectSsh(target, { env: {} }, never);
    let closed = 0;
    second.onDidClose(() => (closed += 1));
    second.dispose();
    expect(second.isClosed).toBe(true);
    expect(closed).toBe(1);
    await expect(second.exec({ argv: ['true'] }, never)).rejects.toMatchObject({ code: 'environment.gone' });
  });

  it('logs in as root once for all who ask, also where the first of them does not wait for it', async () => {
    const second = await connectSsh({ ...target, user: 'nobody' }, { env: {} }, never);
    const impatient = new AbortController();
    const first = second.exec({ argv: ['true'], user: 'root' }, impatient.signal);
    const other = output(second, ['id', '-un'], { user: 'root' });
    // By then the login is under way.
    await setImmediate();
    impatient.abort(new Error('no longer'));
    await expect(first).rejects.toThrow('no longer');
    expect(await other).toBe('root');
    second.dispose();
    await expect(output(second, ['true'], { user: 'root' })).rejects.toMatchObject({
      code: 'environment.gone',
    });
  });

  it('ends a login as root that is under way when it is disposed', async () => {
    const second = await connectSsh({ ...target, user: 'nobody' }, { env: {} }, never);
    const asked = second.exec({ argv: ['true'], user: 'root' }, never);
    await setImmediate();
    second.dispose();
    await expect(asked).rejects.toMatchObject({ code: 'environment.gone' });
  });

  it('takes its programs along when it is disposed, also where the machine says nothing any more', async () => {
    const second = await connectSsh(target, { env: {} }, never);
    // The server's own process for this connection.
    const daemon = Number(await output(second, ['sh', '-c', 'cut -d" " -f4 /proc/$$/stat']));
    const program = await second.exec({ argv: ['sleep', '100'] }, never);
    for (const stream of [program.stdout, program.stderr]) stream.resume();
    process.kill(daemon, 'SIGSTOP');
    try {
      second.dispose();
      expect(await program.exit).toEqual({ code: undefined, signal: undefined });
    } finally {
      process.kill(daemon, 'SIGCONT');
    }
  });
});
