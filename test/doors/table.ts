import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExecaRunner } from '../../src/base/execaRunner.ts';
import { silentLogger } from '../../src/base/log.ts';
import { run } from '../../src/connections/run.ts';
import { withVariables } from '../../src/connections/withVariables.ts';
import { HostCredentials } from '../../src/credentials/hostCredentials.ts';
import { SharedCredentials } from '../../src/credentials/sharedCredentials.ts';
import { Client, succeed } from './support/client.ts';
import { quiet, until, type TestDoor } from './support/door.ts';
import { connect, exchange, freePort, reverser, socks } from './support/net.ts';

/** Bytes of the test of whole streams, each way. */
const streamBytes = Number(process.env['DOORS_BYTES'] ?? 32 * 1024 * 1024);
/** Bound on it in milliseconds: an emulated machine encrypts a megabyte or two a second. */
const streamMs = 300_000 + (2 * streamBytes) / 1000;
/** How many clients come at once. */
const crowd = Number(process.env['DOORS_CLIENTS'] ?? 50);

/** A server inside, for perl: on a port or a path, answers each connection with what came, upside down. */
const reverserInside = `
use strict; use Socket; $| = 1; my $at = shift; my $s;
if ($at =~ m{/}) { socket($s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un($at)) or die $!; }
else { socket($s, AF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($s, pack_sockaddr_in($at, INADDR_LOOPBACK)) or die $!; }
listen($s, 9); print "ready ", ($at =~ m{/} ? $at : (unpack_sockaddr_in(getsockname $s))[0]), "\\n";
while (accept(my $c, $s)) { local $/; my $all = <$c>; print $c scalar reverse $all; close $c }`;

/** A web server inside, for perl: the files of a folder, for whoever says that he is `me` with the password `secret`. */
const filesInside = `
use strict; use Socket; $| = 1; my $root = shift;
socket(my $s, AF_INET, SOCK_STREAM, 0); bind($s, pack_sockaddr_in(0, INADDR_LOOPBACK)); listen($s, 9);
print "ready ", (unpack_sockaddr_in(getsockname $s))[0], "\\n";
while (accept(my $c, $s)) {
  my ($path) = <$c> =~ m{^GET ([^ ?]*)};
  my ($allowed, $line);
  while (defined($line = <$c>) && $line =~ /\\S/) { $allowed = 1 if $line =~ /^authorization: Basic bWU6c2VjcmV0\\s/i }
  my ($status, $header, $body) = ("404 Not Found", "", "");
  if (!$allowed) { ($status, $header) = ("401 Unauthorized", "WWW-Authenticate: Basic realm=test\\r\\n") }
  elsif (-f "$root$path" && open my $file, "<", "$root$path") { local $/; ($status, $body) = ("200 OK", scalar <$file>) }
  print $c "HTTP/1.1 $status\\r\\n$header", "Content-Length: ", length $body, "\\r\\nConnection: close\\r\\n\\r\\n$body";
  close $c;
}`;

/**
 * What every door must do for OpenSSH's own clients, whatever is behind it.
 * @param open makes the door; the table ends it
 */
export function doorTable(kind: string, open: () => Promise<TestDoor>): void {
  describe(`the SSH door of a ${kind}`, () => {
    let door: TestDoor;
    let scratch: string;

    beforeAll(async () => {
      door = await open();
      scratch = await mkdtemp(path.join(door.folder, 'scratch-'));
    });
    afterAll(async () => {
      await door.end();
    });

    const ssh = (args: readonly string[], input?: string | Buffer): Client =>
      new Client('ssh', ['-F', door.config, ...args], input === undefined ? {} : { input });
    const inside = (command: string): Promise<string> =>
      succeed('ssh', ['-F', door.config, door.alias, command]);
    const sftp = (...lines: readonly string[]): Promise<string> =>
      succeed('sftp', ['-F', door.config, '-b', '-', door.alias], { input: `${lines.join('\n')}\n` });
    const startReverser = async (at: string): Promise<{ where: string; client: Client }> => {
      const client = ssh(['-tt', door.alias, `exec perl -e '${reverserInside}' ${at}`]);
      await until(() => /ready \S+/.test(client.stdout));
      return { where: /ready (\S+)/.exec(client.stdout)?.[1] ?? '', client };
    };

    describe('programs', () => {
      it('run as the user in the home folder, with the environment of the config', async () => {
        expect(await inside('id -un; pwd; echo "$FROM_CONFIG"; echo "$HOME $USER $SHELL"')).toBe(
          `dev\n/home/dev\nit's $HOME; \`id\`\n/home/dev dev /bin/bash\n`,
        );
      });

      it('give their exit code', async () => {
        for (const code of [0, 1, 42, 255]) {
          expect((await ssh([door.alias, `exit ${code}`], '').ended).code).toBe(code);
        }
      });

      it('give the signal that ended them', async () => {
        const { code, stderr } = await ssh(['-v', '-o', 'LogLevel=DEBUG', door.alias, 'kill -TERM $$'], '')
          .ended;
        expect(code).toBe(255);
        expect(stderr).toMatch(/rtype exit-signal/);
      });

      it('keep what they print apart', async () => {
        const { stdout, stderr } = await ssh([door.alias, 'echo out; echo err >&2'], '').ended;
        expect([stdout.toString(), stderr]).toEqual(['out\n', 'err\n']);
      });

      it('get variables that the client sends', async () => {
        const { stdout } = await ssh(['-o', 'SetEnv=LC_TEST=häh', door.alias, 'echo $LC_TEST'], '').ended;
        expect(stdout.toString()).toBe('häh\n');
      });

      it('hear the end of their input, and do not hold up the client by not reading it', async () => {
        expect((await ssh([door.alias, 'wc -c'], randomBytes(300_000)).ended).stdout.toString()).toBe(
          '300000\n',
        );
        expect((await ssh([door.alias, 'exit 7'], randomBytes(8_000_000)).ended).code).toBe(7);
      });

      it('print more than one window on both streams at once', async () => {
        const both = 'head -c 5000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait';
        const { code, stdout, stderr } = await ssh([door.alias, both], '').ended;
        expect([code, stdout.length, stderr.length]).toEqual([0, 5_000_000, 5_000_000]);
      });

      it('leave behind what they put in the background on purpose', async () => {
        await inside('nohup sleep 31.41 >/dev/null 2>&1 </dev/null &');
        expect(await door.processes()).toEqual(['sleep 31.41']);
        await inside('kill $(grep -lsz 31.41 /proc/[0-9]*/cmdline | cut -d/ -f3 | grep -v $$)');
        expect(await quiet(door)).toEqual([]);
      });

      it(
        `carry ${Math.round(streamBytes / 1024 / 1024)} MiB each way, byte for byte`,
        async () => {
          const file = path.join(scratch, 'stream');
          const block = randomBytes(1 << 20);
          const writing = createWriteStream(file);
          await pipeline(function* () {
            for (let left = streamBytes; left > 0; left -= block.length) {
              block.writeUInt32BE(left >>> 0, 0);
              yield Buffer.from(block.subarray(0, Math.min(left, block.length)));
            }
          }, writing);
          const hash = createHash('sha256');
          for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
          const expected = hash.digest('hex');
          await succeed('sh', [
            '-c',
            `ssh -F "$1" "$2" 'cat > /tmp/stream' < "$3"`,
            'sh',
            door.config,
            door.alias,
            file,
          ]);
          expect(await inside('sha256sum < /tmp/stream')).toBe(`${expected}  -\n`);
          expect(
            await succeed('sh', [
              '-c',
              `ssh -F "$1" "$2" 'cat /tmp/stream' | sha256sum`,
              'sh',
              door.config,
              door.alias,
            ]),
          ).toBe(`${expected}  -\n`);
          await inside('rm /tmp/stream');
        },
        streamMs,
      );
    });

    describe('terminals', () => {
      it('have a size, and hear of a new one', async () => {
        const script = `stty size; trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.1; done`;
        // The first line of what `script` writes down is this command itself.
        const client = new Client('timeout', [
          '120',
          'script',
          '-qfec',
          `stty rows 31 cols 97; ssh -F '${door.config}' -tt ${door.alias} "${script}" </dev/tty & while ! grep -q ^ready ${scratch}/tty; do sleep 0.05; done; stty rows 40 cols 120; wait $!; echo code=$?`,
          path.join(scratch, 'tty'),
        ]);
        await client.ended;
        const seen = await readFile(path.join(scratch, 'tty'), 'utf8');
        expect(seen).toMatch(/31 97\s+ready\s+40 120\s/);
        expect(seen).toContain('code=5');
      });

      it('are the controlling terminal of a login shell', async () => {
        const client = ssh(['-tt', door.alias], 'echo "$0 $TERM $(tty)"; ps >/dev/null 2>&1; exit 9\n');
        const { code, stdout } = await client.ended;
        expect(code).toBe(9);
        expect(stdout.toString()).toMatch(/-bash \S+ \/dev\/pts\/\d+/);
      });

      it('pass the interrupt key on', async () => {
        const client = ssh([
          '-tt',
          door.alias,
          'trap "echo caught; exit 3" INT; echo ready; while :; do sleep 0.1; done',
        ]);
        await until(() => client.stdout.includes('ready'));
        client.child.stdin?.write('\x03');
        expect((await client.ended).code).toBe(3);
        expect(client.stdout).toContain('caught');
      });

      it('hang up on what runs in them when the client goes', async () => {
        const client = ssh(['-tt', door.alias, 'sleep 27.18']);
        await until(async () => (await door.processes()).some((line) => line.includes('27.18')));
        await client.kill();
        expect(await quiet(door)).toEqual([]);
      });
    });

    describe('forwards', () => {
      it('-L reaches a port that listens on the loopback interface inside, also half-closed', async () => {
        const { where, client } = await startReverser('0');
        const port = await freePort();
        const forward = ssh([
          '-N',
          '-o',
          'ExitOnForwardFailure=yes',
          '-L',
          `127.0.0.1:${port}:localhost:${where}`,
          door.alias,
        ]);
        await until(async () =>
          connect(port).then(
            (socket) => (socket.destroy(), true),
            () => false,
          ),
        );
        const data = randomBytes(3_000_000);
        expect((await exchange(await connect(port), data)).equals(Buffer.from(data).reverse())).toBe(true);
        await Promise.all([forward.kill(), client.kill()]);
        expect(await quiet(door)).toEqual([]);
      });

      it('-L tells a refused connection from an accepted one', async () => {
        const { code, stderr } = await ssh(['-W', '127.0.0.1:1', door.alias], '').ended;
        expect(code).not.toBe(0);
        expect(stderr).toMatch(/open failed|forwarding failed/);
      });

      it('-D asks inside for names', async () => {
        const { where, client } = await startReverser('0');
        const port = await freePort();
        const forward = ssh(['-N', '-D', `127.0.0.1:${port}`, door.alias]);
        await until(async () =>
          connect(port).then(
            (socket) => (socket.destroy(), true),
            () => false,
          ),
        );
        expect((await exchange(await socks(port, 'localhost', Number(where)), 'abc')).toString()).toBe('cba');
        // The client says yes before it knows, and closes then.
        const refused = await socks(port, 'no-such-name.invalid', 80).then(
          (socket) => exchange(socket, ''),
          () => Buffer.alloc(0),
        );
        expect(refused).toHaveLength(0);
        await Promise.all([forward.kill(), client.kill()]);
      });

      it('-R brings what connects inside to here', async () => {
        const here = await freePort();
        const server = await reverser(here);
        const { stdout } = await ssh(
          [
            ...['-o', 'ExitOnForwardFailure=yes', '-R', `4711:127.0.0.1:${here}`, door.alias],
            `perl -MSocket -e 'socket(S,AF_INET,SOCK_STREAM,0); connect(S,pack_sockaddr_in(4711,INADDR_LOOPBACK)) or die $!; syswrite S,"hello"; shutdown S,1; print <S>'`,
          ],
          '',
        ).ended;
        expect(stdout.toString()).toBe('olleh');
        server.close();
      });

      it('-R of any port says which; of a taken one it fails', async () => {
        const taken = ssh(['-v', '-o', 'LogLevel=DEBUG', '-N', '-R', '0:127.0.0.1:9', door.alias]);
        await until(() => /Allocated port (\d+)/.test(taken.stderr));
        const port = /Allocated port (\d+)/.exec(taken.stderr)?.[1] ?? '';
        const second = await ssh(
          ['-o', 'ExitOnForwardFailure=yes', '-N', '-R', `${port}:127.0.0.1:9`, door.alias],
          '',
        ).ended;
        expect(second.code).toBe(255);
        await taken.kill();
      });

      it('-L and -R of unix sockets', async () => {
        const { client } = await startReverser('/tmp/inside.sock');
        const local = path.join(scratch, 'l.sock');
        const forward = ssh(['-N', '-L', `${local}:/tmp/inside.sock`, door.alias]);
        await until(async () =>
          connect(local).then(
            (socket) => (socket.destroy(), true),
            () => false,
          ),
        );
        expect((await exchange(await connect(local), 'abc')).toString()).toBe('cba');
        await Promise.all([forward.kill(), client.kill()]);
        const server = await reverser(path.join(scratch, 'r.sock'));
        const back = async (): Promise<string> => {
          const { stdout } = await ssh(
            [
              ...['-o', 'ExitOnForwardFailure=yes', '-R', `/tmp/back.sock:${scratch}/r.sock`, door.alias],
              `perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); connect(S,pack_sockaddr_un("/tmp/back.sock")) or die $!; syswrite S,"hello"; shutdown S,1; print <S>'; ls -l /tmp/back.sock | cut -c1-10`,
            ],
            '',
          ).ended;
          return stdout.toString();
        };
        expect(await back()).toBe('ollehsrw-------\n');
        expect(await back(), 'the same path again').toBe('ollehsrw-------\n');
        server.close();
        const left = door.takesSocketsAway ? '' : '/tmp/back.sock\n';
        expect(await inside('rm -f /tmp/inside.sock; ls /tmp/*.sock 2>/dev/null || :')).toBe(left);
        await inside('rm -f /tmp/back.sock');
      });

      it('-A brings the agent here to there, and takes its socket away afterwards', async () => {
        const key = path.join(scratch, 'key');
        const socket = path.join(scratch, 'agent');
        await succeed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a key of the test', '-f', key]);
        const agent = new Client('ssh-agent', ['-D', '-a', socket]);
        // Its socket is there before it listens.
        await until(() => agent.stdout.includes('SSH_AUTH_SOCK'));
        const env = { SSH_AUTH_SOCK: socket };
        await succeed('ssh-add', ['-q', key], { env });
        const ask = `perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); connect(S,pack_sockaddr_un($ENV{SSH_AUTH_SOCK})) or die $!; syswrite S,pack("NC",1,11); sysread S,$b,9999; print $b'; stat -c %a "$(dirname "$SSH_AUTH_SOCK")"; echo "$SSH_AUTH_SOCK"`;
        const answer = await succeed('ssh', ['-F', door.config, '-A', door.alias, ask], { env });
        expect(answer).toContain('a key of the test');
        expect(answer).toContain('700\n/');
        const left = answer.trim().split('\n').at(-1) ?? '';
        await quiet(door);
        expect(await inside(`ls -d "${path.dirname(left)}" 2>/dev/null; echo "[$SSH_AUTH_SOCK]"`)).toBe(
          '[]\n',
        );
        await agent.kill();
      });
    });

    describe('one connection for many', () => {
      it('ControlMaster: sessions, a forward and sftp over one', async () => {
        const socket = path.join(scratch, 'cm');
        const master = ssh(['-N', '-M', '-S', socket, door.alias]);
        await until(
          async () =>
            (
              await new Client('ssh', ['-F', door.config, '-S', socket, '-O', 'check', door.alias], {
                input: '',
              }).ended
            ).code === 0,
        );
        const over = ['-F', door.config, '-S', socket];
        const codes = await Promise.all(
          Array.from(
            { length: 20 },
            async (_, index) =>
              (
                await new Client('ssh', [...over, door.alias, `sleep 0.1; exit ${index}`], { input: '' })
                  .ended
              ).code,
          ),
        );
        expect(codes).toEqual(Array.from({ length: 20 }, (_, index) => index));
        expect(
          await succeed('sftp', ['-o', `ControlPath=${socket}`, '-F', door.config, '-b', '-', door.alias], {
            input: 'pwd\n',
          }),
        ).toContain('/home/dev');
        // A client that goes while its program reads nothing and its input is waiting.
        const stuck = new Client('sh', [
          '-c',
          'exec ssh -F "$1" -S "$2" "$3" "sleep 16.18" < /dev/zero',
          'sh',
          door.config,
          socket,
          door.alias,
        ]);
        await until(async () => (await door.processes()).some((line) => line.includes('16.18')));
        await stuck.kill();
        await until(async () => !(await door.processes()).some((line) => line.includes('16.18')));
        await succeed('ssh', [...over, '-O', 'exit', door.alias]);
        await master.ended;
        expect(await quiet(door)).toEqual([]);
      });

      it(`${crowd} connections at once`, async () => {
        const all = await Promise.all(
          Array.from({ length: crowd }, async (_, index) => {
            const data = randomBytes(50_000);
            const { stdout, code } = await ssh([door.alias, `cat; exit ${index % 200}`], data).ended;
            return code === index % 200 && stdout.equals(data);
          }),
        );
        expect(all.filter((good) => !good)).toEqual([]);
        expect(await quiet(door)).toEqual([]);
      });

      it('a client killed at any moment leaves nothing', async () => {
        for (const afterMs of [0, 40, 80, 120, 160, 200, 260, 320, 400, 600]) {
          const client = ssh([door.alias, 'sleep 14.14 & sleep 14.14']);
          const timer = AbortSignal.timeout(afterMs);
          await until(() => timer.aborted);
          await client.kill();
        }
        expect(await quiet(door)).toEqual([]);
      });
    });

    describe('files', () => {
      it('sftp: get, put, rename, chmod, symlink, remove', async () => {
        const data = randomBytes(1_500_000);
        await writeFile(path.join(scratch, 'up load'), data);
        const listing = await sftp(
          'mkdir sf',
          'cd sf',
          `put "${scratch}/up load" "a b"`,
          'rename "a b" c',
          'chmod 640 c',
          'symlink c link',
          'ls -la',
          `get link "${scratch}/down"`,
          `get -p c "${scratch}/kept"`,
        );
        expect(listing).toMatch(/-rw-r-----\s+\S+ dev\s+dev\s+1500000 .* c\n/);
        expect(listing).toMatch(/lrwxrwxrwx .* link/);
        expect((await readFile(path.join(scratch, 'down'))).equals(data)).toBe(true);
        expect((await stat(path.join(scratch, 'kept'))).mode & 0o777).toBe(0o640);
        expect(await inside('readlink sf/link; sha256sum < sf/c')).toBe(
          `c\n${createHash('sha256').update(data).digest('hex')}  -\n`,
        );
        await sftp('cd sf', 'rm link', 'rm c', 'cd ..', 'rmdir sf');
        await expect(sftp('get nothing-here')).rejects.toThrow(/not found|No such file/);
        await expect(sftp('put /etc/hostname /proc/no')).rejects.toThrow();
      });

      it('sftp lists 10,000 entries', async () => {
        await inside('mkdir many && cd many && seq 10000 | xargs touch');
        const listed = (await sftp('ls -1 many')).split('\n').filter((line) => line.startsWith('many/'));
        expect(new Set(listed).size).toBe(10_000);
        await inside('rm -r many');
      });

      it('scp, both protocols, both ways', async () => {
        const from = path.join(scratch, 'tree');
        await mkdir(path.join(from, 'sub dir'), { recursive: true });
        await writeFile(path.join(from, 'sub dir', 'ü.bin'), randomBytes(700_000));
        await writeFile(path.join(from, 'empty'), '');
        for (const flag of ['-s', '-O']) {
          await succeed('scp', ['-F', door.config, flag, '-qrp', from, `${door.alias}:copy${flag}`]);
          await succeed('scp', [
            '-F',
            door.config,
            flag,
            '-qrp',
            `${door.alias}:copy${flag}`,
            path.join(scratch, `back${flag}`),
          ]);
          await succeed('diff', ['-r', from, path.join(scratch, `back${flag}`)]);
        }
        await inside('rm -r copy*');
      });

      it('rsync, both ways', async () => {
        const from = path.join(scratch, 'rs');
        await mkdir(from);
        for (let index = 0; index < 200; index++)
          await writeFile(path.join(from, `f${index}`), randomBytes(index * 50));
        const e = `ssh -F ${door.config}`;
        await succeed('rsync', ['-a', '-e', e, `${from}/`, `${door.alias}:rs/`]);
        await succeed('rsync', ['-a', '-e', e, `${door.alias}:rs/`, `${scratch}/rs-back/`]);
        await succeed('diff', ['-r', from, `${scratch}/rs-back`]);
        await inside('rm -r rs');
      });

      it('git clone and push', async () => {
        await inside(
          'git init -q --bare repo.git && git clone -q repo.git w 2>/dev/null && cd w && git config user.email a@b && git config user.name a && echo one > f && git add f && git commit -qm one && git push -q',
        );
        const env = { GIT_SSH_COMMAND: `ssh -F ${door.config}`, GIT_CONFIG_GLOBAL: '/dev/null' };
        const clone = path.join(scratch, 'clone');
        await succeed('git', ['clone', '-q', `${door.alias}:repo.git`, clone], { env });
        expect(await readFile(path.join(clone, 'f'), 'utf8')).toBe('one\n');
        const id = ['-c', 'user.email=a@b', '-c', 'user.name=a'];
        await succeed('git', [...id, 'commit', '-q', '--allow-empty', '-m', 'two'], { env, cwd: clone });
        await succeed('git', ['push', '-q'], { env, cwd: clone });
        expect(await inside('git -C repo.git log --format=%s')).toBe('two\none\n');
        await inside('rm -rf repo.git w');
      });

      it('sshfs: a folder inside as a folder here', async () => {
        const mount = path.join(scratch, 'mount');
        await mkdir(mount);
        await inside('mkdir fs && echo inside > fs/a');
        const fs = new Client('sshfs', ['-f', '-F', door.config, `${door.alias}:fs`, mount]);
        await until(async () => (await readdir(mount)).includes('a'));
        expect(await readFile(path.join(mount, 'a'), 'utf8')).toBe('inside\n');
        const data = randomBytes(2_000_000);
        await writeFile(path.join(mount, 'b'), data);
        await succeed('mv', [path.join(mount, 'b'), path.join(mount, 'a')]);
        await succeed('chmod', ['600', path.join(mount, 'a')]);
        await succeed('ln', ['-s', 'a', path.join(mount, 'l')]);
        expect((await readFile(path.join(mount, 'l'))).equals(data)).toBe(true);
        await succeed('fusermount3', ['-u', mount]);
        await fs.ended;
        expect(await inside('sha256sum < fs/a; stat -c %a fs/a; rm -r fs')).toBe(
          `${createHash('sha256').update(data).digest('hex')}  -\n600\n`,
        );
      });
    });

    describe('credentials of this computer', () => {
      it('let git clone inside, and keys of the ssh-agent sign there, while they are shared', async () => {
        const socket = path.join(scratch, 'sharing-agent');
        const agent = new Client('ssh-agent', ['-D', '-a', socket]);
        const key = path.join(scratch, 'agent-key');
        await succeed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
        await until(() => agent.stdout.includes('SSH_AUTH_SOCK'));
        await succeed('ssh-add', ['-q', key], { env: { SSH_AUTH_SOCK: socket } });
        const config = path.join(scratch, 'gitconfig');
        await writeFile(
          config,
          '[credential]\n helper = "!f() { cat >/dev/null; echo username=me; echo password=secret; }; f"\n',
        );
        await inside(
          'git init -q w && cd w && git config user.email a@b && git config user.name a && echo one > f && git add f && git commit -qm one && cd .. && git clone -q --bare w web.git && git -C web.git update-server-info',
        );
        await succeed('ssh', ['-F', door.config, door.alias, 'cat > key.pub'], {
          input: await readFile(`${key}.pub`),
        });
        const server = ssh(['-tt', door.alias, `exec perl -e '${filesInside}' $HOME/web.git`]);
        await until(() => /ready \d+/.test(server.stdout));
        const url = `http://127.0.0.1:${/ready (\d+)/.exec(server.stdout)?.[1]}/`;
        const connection = await door.connect();
        try {
          const signal = new AbortController().signal;
          const host = new HostCredentials({
            runner: new ExecaRunner(silentLogger, { GIT_CONFIG_GLOBAL: config, GIT_CONFIG_NOSYSTEM: '1' }),
            folder: scratch,
            env: { SSH_AUTH_SOCK: socket },
            log: silentLogger,
          });
          const shared = await SharedCredentials.open(connection, host, ['sshAgent', 'git'], signal);
          const programs = withVariables(connection, { ...shared.variables, GIT_TERMINAL_PROMPT: '0' });
          const code = async (...argv: readonly string[]): Promise<number | undefined> =>
            (await run(programs, { argv, cwd: '/home/dev' }, signal)).code;
          expect(await code('ssh-add', '-T', 'key.pub')).toBe(0);
          expect(await code('git', 'clone', '-q', url, 'cloned')).toBe(0);
          expect(await inside('cat cloned/f; ! grep -r secret cloned')).toBe('one\n');
          shared.dispose();
          expect(await code('git', 'clone', '-q', url, 'again')).not.toBe(0);
          expect(await code('ssh-add', '-T', 'key.pub')).not.toBe(0);
        } finally {
          door.disconnect(connection);
          await server.kill();
          await agent.kill();
        }
        await inside('rm -rf w web.git cloned again key.pub');
        expect(await quiet(door)).toEqual([]);
      });
    });

    describe('what remote editors do on connect', () => {
      it('a script over -T with a dynamic forward starts a server that is reached through it', async () => {
        const port = await freePort();
        const client = ssh(['-T', '-D', `127.0.0.1:${port}`, door.alias, 'bash', '-s']);
        const server = reverserInside.replaceAll('$', '\\$').replaceAll('`', '\\`');
        client.child.stdin?.write(
          `uname -sm; cat > /tmp/server.pl <<EOF\n${server}\nEOF\nnohup perl /tmp/server.pl 0 > /tmp/server.log 2>&1 < /dev/null &\nwhile ! grep -q ready /tmp/server.log; do sleep 0.05; done\ncat /tmp/server.log\n`,
        );
        await until(() => /ready \d+/.test(client.stdout));
        expect(client.stdout).toMatch(/^Linux \S+\n/);
        const inner = Number(/ready (\d+)/.exec(client.stdout)?.[1]);
        expect((await exchange(await socks(port, '127.0.0.1', inner), 'abc')).toString()).toBe('cba');
        await client.kill();
        // It was started to outlive the connection.
        expect((await door.processes()).filter((line) => line.includes('server.pl'))).toHaveLength(1);
        await inside(
          'kill $(grep -lsz server.pl /proc/[0-9]*/cmdline | cut -d/ -f3 | grep -v $$); rm /tmp/server.*',
        );
        expect(await quiet(door)).toEqual([]);
      });
    });

    // The last: nothing comes after it.
    it('under open sessions that goes away ends them with a message, the idle one, too', async () => {
      const client = ssh([door.alias, 'echo in; exec sleep 600']);
      await until(() => client.stdout.includes('in'));
      await door.cut();
      const { code, stderr } = await client.ended;
      expect(code).toBe(255);
      expect(stderr).toMatch(/The container no longer runs|Timeout, server \S+ not responding/);
    });
  });
}
