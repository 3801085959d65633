import { execFile } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import type { Project } from '../../src/config/project.ts';
import type { Connection } from '../../src/connections/connection.ts';
import { run } from '../../src/connections/run.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { SshBook } from '../../src/ssh/config/sshBook.ts';
import { Doors } from '../../src/ssh/doors.ts';
import { never } from './support/docker.ts';
import { output, Steps, traces, virsh, vmLab, type VmLab } from './support/vm.ts';

const execute = promisify(execFile);

/** One boot in software emulation, on a computer that does much else. */
const slow = 15 * 60_000;

const dockerfile = `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends libcap2-bin && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --shell /bin/bash dev
RUN cp /bin/true /usr/local/bin/capped && setcap cap_net_raw+ep /usr/local/bin/capped \\
 && ln /usr/local/bin/capped /usr/local/bin/linked && echo of-dev > /opt/owned && chown dev:dev /opt/owned
RUN mkdir -p /opt/sys/proc/dev && echo kept > /opt/sys/proc/dev/file
RUN echo 'export SAMPLE_PROFILE=1' > /etc/profile.d/sample.sh \\
 && sed -i '1i export SAMPLE_BASHRC=1 SAMPLE_PLACE=of-the-shell' /home/dev/.bashrc
ENV SAMPLE_GREETING="Hello from the same image" PATH=/opt/tools/bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /srv
`;

const config = {
  build: { dockerfile: 'Dockerfile' },
  remoteUser: 'dev',
  containerEnv: { SAMPLE_CONTAINER: 'from "containerEnv" $HOME' },
  remoteEnv: {
    SAMPLE_REMOTE: '${containerEnv:SAMPLE_GREETING}!',
    SAMPLE_PLACE: '${localWorkspaceFolderBasename}',
  },
  onCreateCommand: 'true',
  postCreateCommand: 'echo created >> ~/hooks.log',
  postStartCommand: 'echo started >> ~/hooks.log',
  runArgs: ['--cap-add=SYS_PTRACE'],
  customizations: { switchyard: { vm: { cpus: 1, memory: '768mb', disk: '6gb' } } },
};

const options = (progress = new Steps()): { progress: Steps; signal: AbortSignal } => ({
  progress,
  signal: never,
});

async function made(lab: VmLab, name: string, changes: object = {}): Promise<Project> {
  const project = await lab.project(name, { ...config, ...changes });
  await writeFile(path.join(project.folder, '.devcontainer', 'Dockerfile'), dockerfile);
  await writeFile(path.join(project.folder, 'hello.txt'), 'from the host\n');
  return project;
}

async function machineRecord(project: Project): Promise<{ address: string; boxKey: string }> {
  const text = await readFile(path.join(project.storage, 'vm', 'machine.json'), 'utf8');
  return JSON.parse(text) as { address: string; boxKey: string };
}

describe('a project in its VM', () => {
  let lab: VmLab;
  let project: Project;
  let vm: Environment;
  let twin: Environment | undefined;
  const told: string[] = [];

  beforeAll(async () => {
    lab = await vmLab({ log: { ...silentLogger, debug: (message) => void told.push(message) } });
    // Every character that a shell, Ruby or a URL makes something of.
    project = await made(lab, `one/it's "my" $HOME prøject`);
    vm = lab.provider.forProject(project);
  });

  afterAll(async () => {
    for (const one of [vm, twin]) {
      await one?.destroy(options());
      one?.dispose();
    }
    await lab.end();
  }, slow);

  it(
    'leaves nothing half-made, at whatever step it is cancelled',
    async () => {
      for (const step of [
        /Building the image/,
        /Adding a kernel/,
        /Writing the disk/,
        /Adding the box/,
        /Making the/,
        /Running onCreateCommand/,
      ]) {
        const cancel = new AbortController();
        const progress = new Steps().when(step, () => cancel.abort());
        await expect(vm.open({ progress, signal: cancel.signal })).rejects.toMatchObject({
          code: 'cancelled',
        });
        expect(await traces(project.id)).toEqual([]);
        expect(await readdir(path.join(lab.folder, 'storage', 'boxes')).catch(() => [])).not.toContainEqual(
          expect.stringMatching(/^\./),
        );
        expect((await vm.refresh(never)).state).toBe('absent');
      }
    },
    slow,
  );

  it(
    'is what the config says',
    async () => {
      const { start, workspaceFolder, problem, connection, hooks } = await vm.open(options());
      expect(problem).toBeUndefined();
      // They run on behind the open terminal.
      expect(await hooks).toBeUndefined();
      // The box was built by the attempt that was cancelled last.
      expect(start).toEqual({ how: 'create', warmCache: true });
      expect(workspaceFolder).toBe(`/workspaces/${path.basename(project.folder)}`);

      const xml = await virsh('dumpxml', `switchyard-${project.id}-vm`);
      expect(xml).toMatch(/<memory unit='KiB'>786432</);
      expect(xml).toMatch(/<vcpu[^>]*>1</);
      // The image: the disk stands on the box that was made of it.
      const { boxKey } = await machineRecord(project);
      expect(xml).toMatch(new RegExp(`<backingStore[^]*${boxKey}`));
      const disk = await virsh('domblkinfo', `switchyard-${project.id}-vm`, 'vda');
      expect(disk).toMatch(new RegExp(`Capacity:\\s+${6 * 2 ** 30}\\b`));

      expect(await output(connection, ['cat', 'hello.txt'])).toBe('from the host');
      expect(await output(connection, ['cat', '/home/dev/hooks.log'])).toBe('created\nstarted');
      expect(await output(connection, ['systemd-detect-virt', '--vm'])).toMatch(/^(qemu|kvm)$/);
      const details = await vm.details(never);
      const host = (await execute('uname', ['-r'])).stdout.trim();
      expect(details.isolation?.kernelRelease).not.toBe(host);
      expect(details.isolation?.acceleration?.reason).not.toBe('');
      expect(details.ignored.map(({ property }) => property)).toEqual(['runArgs']);
    },
    slow,
  );

  it('has the user, environment and folder of the container', async () => {
    const connection = await vm.connect(never);
    const image = `switchyard-vm-${project.id}:latest`;
    const container = (
      await execute('docker', ['run', '--rm', image, 'sh', '-c', 'echo "$PATH|$SAMPLE_GREETING"'])
    ).stdout;
    const inside = await output(connection, ['sh', '-c', 'echo "$PATH|$SAMPLE_GREETING"']);
    expect(inside).toBe(container.trim());
    expect(await output(connection, ['id', '-un'])).toBe('dev');
    expect(await output(connection, ['pwd'])).toBe(`/workspaces/${path.basename(project.folder)}`);
    expect(await output(connection, ['printenv', 'SAMPLE_CONTAINER'])).toBe('from "containerEnv" $HOME');
    expect(await output(connection, ['printenv', 'SAMPLE_REMOTE'])).toBe('Hello from the same image!');
    // What the startup files of the user's shell set, for a program that no shell starts; remoteEnv wins.
    expect(await output(connection, ['printenv', 'SAMPLE_PROFILE'])).toBe('1');
    expect(await output(connection, ['printenv', 'SAMPLE_BASHRC'])).toBe('1');
    expect(await output(connection, ['printenv', 'SAMPLE_PLACE'])).toBe(path.basename(project.folder));
    expect(await output(connection, ['sh', '-c', 'id -un; echo $HOME'], { user: 'root' })).toBe(
      'root\n/root',
    );
  });

  it('has the image’s files with their capabilities, hard links and owners, and the whole disk', async () => {
    const connection = await vm.connect(never);
    expect(await output(connection, ['cat', '/opt/sys/proc/dev/file'])).toBe('kept');
    expect(await output(connection, ['/sbin/getcap', '/usr/local/bin/capped'])).toContain('cap_net_raw');
    expect(await output(connection, ['stat', '-c', '%h', '/usr/local/bin/linked'])).toBe('2');
    expect(await output(connection, ['stat', '-c', '%U', '/opt/owned'])).toBe('dev');
    const size = Number(
      await output(connection, ['df', '--output=size', '-B1', '/']).then((text) => text.split('\n')[1]),
    );
    expect(size).toBeGreaterThan(5 * 2 ** 30);
  });

  it('runs what distributions build for by now, also on a processor in software', async () => {
    const levels = ['/lib64/ld-linux-x86-64.so.2', '--help'];
    expect(await output(await vm.connect(never), levels)).toContain('x86-64-v2 (supported');
  });

  it('becomes the whole system, though the terminal comes first', async () => {
    const connection = await vm.connect(never);
    const target = ['sh', '-c', 'systemctl is-active multi-user.target || true'];
    const isUp = (): Promise<string> => output(connection, target);
    await expect.poll(isUp, { timeout: 240_000, interval: 1_000 }).toBe('active');
  });

  it('gives plain ssh the same environment, and shows the pinned host key', async () => {
    const record = await machineRecord(project);
    const box = path.join(lab.folder, 'storage', 'boxes', record.boxKey);
    const known = path.join(lab.folder, 'known_hosts');
    await writeFile(known, `${record.address} ${await readFile(path.join(box, 'host_key.pub'), 'utf8')}`);
    const { stdout } = await execute('ssh', [
      ...['-F', 'none', '-i', path.join(box, 'key'), '-o', `UserKnownHostsFile=${known}`],
      ...['-o', 'StrictHostKeyChecking=yes', '-o', 'BatchMode=yes', `dev@${record.address}`],
      'echo "$SAMPLE_GREETING|$PATH"',
    ]);
    expect(stdout.trim()).toBe('Hello from the same image|/opt/tools/bin:/usr/local/bin:/usr/bin:/bin');
  });

  it('is an SSH host of this computer under a name of its own', async () => {
    const book = new SshBook(path.join(lab.folder, 'ssh'), silentLogger);
    const doors = new Doors(book, { node: process.execPath, script: '', env: {} });
    const access = await vm.access?.(never);
    if (!access) throw new Error('It has no way in.');
    const { alias } = await doors.open(vm, access, { start: true });
    expect(alias).toMatch(/^switchyard-[a-z0-9-]+-vm$/);
    const through = async (...args: readonly string[]): Promise<string> =>
      (await execute('ssh', ['-F', book.configFile, '-o', 'BatchMode=yes', ...args])).stdout;
    expect(await through(alias, 'id -un; echo "$SAMPLE_GREETING"')).toBe('dev\nHello from the same image\n');
    const copy = path.join(lab.folder, 'copied.txt');
    await execute('scp', ['-F', book.configFile, `${alias}:/home/dev/hooks.log`, copy]);
    expect(await readFile(copy, 'utf8')).toBe('created\nstarted\n');
  });

  it('runs a terminal that resizes, ends programs, and opens ports', async () => {
    const connection = await vm.connect(never);
    const shell = await connection.exec({ argv: ['sh'], tty: { columns: 80, rows: 24 } }, never);
    let seen = '';
    const size = new Promise<void>((resolve) =>
      shell.stdout.on('data', (chunk: Buffer) => {
        seen += chunk.toString('utf8');
        if (seen.includes('40 132')) resolve();
      }),
    );
    shell.resize({ columns: 132, rows: 40 });
    shell.stdin.write('stty size\n');
    await size;
    shell.dispose();
    await shell.exit;
    const sleeper = await connection.exec({ argv: ['sleep', '1000'] }, never);
    sleeper.stdout.resume();
    sleeper.stderr.resume();
    await sleeper.kill('TERM');
    expect(await sleeper.exit).toEqual({ code: undefined, signal: 'TERM' });
    const ssh = await connection.connectTcp('127.0.0.1', 22, never);
    const banner = await new Promise<string>((resolve) =>
      ssh.once('data', (data: Buffer) => resolve(data.toString())),
    );
    ssh.destroy();
    expect(banner).toMatch(/^SSH-2\.0-OpenSSH/);
  });

  it('tells what it uses', async () => {
    await vm.usage(never);
    const usage = await vm.usage(never);
    expect(usage?.cpus).toBe(1);
    expect(usage?.memoryLimitBytes).toBe(768 * 2 ** 20);
    expect(usage?.cpuPercent).toBeGreaterThanOrEqual(0);
    expect(usage?.memoryBytes).toBeGreaterThan(10 * 2 ** 20);
    expect(usage?.diskBytes).toBeGreaterThan(2 ** 20);
    expect(usage?.diskBaseBytes).toBeGreaterThan(100 * 2 ** 20);
  });

  it(
    'wakes with its memory, its clock right, and no hook run anew',
    async () => {
      const before = await vm.connect(never);
      await output(before, ['sh', '-c', 'nohup sleep 100000 > /dev/null 2>&1 & echo $! > ~/pid']);
      const shell = await before.exec(
        { argv: ['sh', '-c', 'while read -r line; do echo "<$line>"; done'] },
        never,
      );
      const heard = new Promise<string>((resolve) =>
        shell.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
      );
      shell.stderr.resume();
      await setClockBack(before);
      await vm.suspend(options());
      expect(vm.status.state).toBe('suspended');
      await writeFile(path.join(project.folder, 'asleep.txt'), 'written while it slept\n');
      const { start, connection } = await vm.open(options());
      expect(start?.how).toBe('resume');
      // The login, the programs and the sync go on where they were.
      expect(connection).toBe(before);
      shell.stdin.write('still there\n');
      expect(await heard).toBe('<still there>\n');
      shell.dispose();
      expect(await output(connection, ['cat', 'asleep.txt'])).toBe('written while it slept');
      await output(connection, ['sh', '-c', 'kill -0 $(cat ~/pid)']);
      expect(await clockError(connection)).toBeLessThan(30);
      expect(await output(connection, ['cat', '/home/dev/hooks.log'])).toBe('created\nstarted');
    },
    slow,
  );

  it(
    'has its clock right and its connection also where somebody else woke it',
    async () => {
      const before = await vm.connect(never);
      await setClockBack(before);
      await vm.suspend(options());
      await virsh('start', `switchyard-${project.id}-vm`);
      expect((await vm.refresh(never)).state).toBe('running');
      expect(await vm.connect(never)).toBe(before);
      expect(await clockError(before)).toBeLessThan(30);
    },
    slow,
  );

  it(
    'recovers from having its plug pulled behind our back',
    async () => {
      await virsh('destroy', `switchyard-${project.id}-vm`);
      expect((await vm.refresh(never)).state).toBe('stopped');
      // Two windows open it at the same moment: one starts it, the other waits and enters.
      const window = lab.other({}).forProject(project);
      const [mine, theirs] = await Promise.all([vm.open(options()), window.open(options())]);
      await Promise.all([mine.hooks, theirs.hooks]);
      expect([mine, theirs].map(({ start }) => start?.how).toSorted()).toEqual(['start', undefined]);
      expect(await output(theirs.connection, ['id', '-un'])).toBe('dev');
      window.dispose();
      const log = ['cat', '/home/dev/hooks.log'];
      expect(await output(mine.connection, log)).toBe('created\nstarted\nstarted');
      expect(vm.status.startedAt?.getTime()).toBeGreaterThan(Date.now() - slow);
    },
    slow,
  );

  it(
    'is entered before its init system is up, which takes over what let somebody in',
    async () => {
      await vm.stop(options());
      told.length = 0;
      const { connection, hooks } = await vm.open(options());
      await hooks;
      // The sync's agent was started by the boot.
      expect(told).toContainEqual(expect.stringMatching(/^Sync agent: python waited on /));
      const ask = (script: string): Promise<string> =>
        output(connection, ['sh', '-c', script], { user: 'root' });
      const sshd = 'switchyard-sshd.service';
      const group = (): Promise<string> =>
        ask('cat /proc/$PPID/cgroup; systemctl is-active multi-user.target || :');
      await expect
        .poll(group, { timeout: 240_000, interval: 1_000 })
        .toMatch(new RegExp(`/system.slice/${sshd}\nactive$`));
      const main = `systemctl show --property MainPID --value ${sshd}`;
      const listener = await ask(main);
      expect(await ask('cat /run/sshd.pid')).toBe(listener);
      expect(await ask('systemctl is-active switchyard-network.service')).toBe('active');
      await ask(`kill -9 ${listener}`);
      const next = (): Promise<string> => ask(`${main}; cat /run/sshd.pid; ss -Hltn sport = :22 | head -n 1`);
      await expect.poll(next, { timeout: 60_000, interval: 500 }).toMatch(/^(?!0\n)(\d+)\n\1\nLISTEN /);
      const window = lab.other({}).forProject(project);
      expect(await output(await window.connect(never), ['id', '-un'])).toBe('dev');
      window.dispose();
    },
    slow,
  );

  it(
    'shares its box with a project of the same name, whose failing hook is kept',
    async () => {
      const other = await made(lab, `two/${path.basename(project.folder)}`, {
        postCreateCommand: 'echo broken >&2; exit 3',
      });
      twin = lab.provider.forProject(other);
      const progress = new Steps();
      const { start, hooks, connection } = await twin.open(options(progress));
      expect(start).toEqual({ how: 'create', warmCache: true });
      expect(progress.steps).not.toContain('Adding a kernel');
      expect(await hooks).toMatchObject({ code: 'hook.failed' });
      await expect
        .poll(() => twin?.status)
        .toMatchObject({ state: 'running', problem: { code: 'hook.failed' } });
      expect(await output(connection, ['id', '-un'])).toBe('dev');
      expect((await vm.refresh(never)).state).toBe('running');
      // Somebody removes it behind our back.
      await virsh('destroy', `switchyard-${other.id}-vm`);
      await virsh('undefine', `switchyard-${other.id}-vm`, '--remove-all-storage');
      expect((await twin.refresh(never)).state).toBe('absent');
      await twin.destroy(options());
      expect(await traces(other.id)).toEqual([]);
    },
    slow,
  );

  it(
    'waits a bounded time for an SSH server that never answers, and shows the console',
    async () => {
      const connection = await vm.connect(never);
      await output(connection, ['mv', '/usr/sbin/sshd', '/usr/sbin/sshd.gone'], { user: 'root' });
      await vm.stop(options());
      const impatient = lab.other({ timeouts: { bootMs: 40_000 } }).forProject(project);
      const error: unknown = await impatient.open(options()).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'vm.noSsh', remedies: [{}, {}, { do: 'rebuild', kind: 'vm' }] });
      expect((error as { detail: string }).detail).not.toBe('');
      impatient.dispose();
    },
    slow,
  );

  it(
    'has the new Dockerfile after a rebuild, which also mends a machine that cannot be entered',
    async () => {
      const file = path.join(project.folder, '.devcontainer', 'Dockerfile');
      const more =
        'RUN cp /bin/true /opt/new && /sbin/setcap cap_net_admin+ep /opt/new && rm -r /opt/sys && chmod 1777 /opt\n';
      await writeFile(file, `${dockerfile}${more}`);
      expect((await vm.refresh(never)).drifted).toBe(true);
      const last = await machineRecord(project);
      const uuid = await virsh('domuuid', `switchyard-${project.id}-vm`);
      const steps = new Steps();
      const { connection } = await vm.rebuild(options(steps));
      expect(await output(connection, ['/sbin/getcap', '/opt/new'])).toContain('cap_net_admin=ep');
      expect(await output(connection, ['sh', '-c', 'ls /opt; stat -c %a /opt'])).toBe('new\nowned\n1777');
      // The box is another one, on the same disk.
      expect(steps.steps).not.toContain('Writing the disk');
      expect(steps.steps).not.toContain('Removing the old virtual machine');
      expect((await machineRecord(project)).boxKey).not.toBe(last.boxKey);
      const disk = await virsh('dumpxml', `switchyard-${project.id}-vm`);
      expect(disk).toContain(`${last.boxKey}_vagrant_box_image`);
      // And so the machine is the same one.
      expect(await virsh('domuuid', `switchyard-${project.id}-vm`)).toBe(uuid);
      expect(vm.status.drifted).toBe(false);
    },
    slow,
  );

  it(
    'stops, and leaves nothing when it is destroyed',
    async () => {
      const { boxKey } = await machineRecord(project);
      await vm.stop(options());
      expect(vm.status.state).toBe('stopped');
      await vm.destroy(options());
      expect(vm.sync?.health).toMatchObject({ state: 'detached', problem: undefined });
      expect(vm.status.state).toBe('absent');
      expect(await traces(project.id)).toEqual([]);
      expect(await traces(boxKey)).toEqual([]);
      expect(await readdir(path.join(lab.folder, 'storage', 'boxes'))).toEqual([]);
    },
    slow,
  );
});

/** As much as no sleep of a test lasts. */
async function setClockBack(connection: Connection): Promise<void> {
  const argv = ['date', '-u', '-s', `@${Math.round(Date.now() / 1000) - 3600}`];
  expect((await run(connection, { argv, user: 'root', cwd: '/' }, never)).code).toBe(0);
}

/** Seconds by which the guest's clock is off. */
async function clockError(connection: Connection): Promise<number> {
  return Math.abs(Number(await output(connection, ['date', '+%s'])) - Date.now() / 1000);
}
