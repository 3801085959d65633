import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '../../src/base/log.ts';
import type { Project } from '../../src/config/project.ts';
import { parseLibvirtUri } from '../../src/engines/libvirtEndpoint.ts';
import { vagrantHome } from '../../src/engines/vagrantIndex.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { SshBook } from '../../src/ssh/config/sshBook.ts';
import { Doors } from '../../src/ssh/doors.ts';
import { never } from '../engines/support/docker.ts';
import { sshOf } from '../engines/support/sshClient.ts';
import { SshServer } from '../engines/support/sshServer.ts';
import { output, Steps, traces, virsh, vmLab, type VmLab } from '../engines/support/vm.ts';

const execute = promisify(execFile);

const config = {
  image: 'debian:bookworm',
  onCreateCommand: 'cat hello.txt > ~/seen',
  customizations: { switchyard: { vm: { cpus: 1, memory: '768mb', disk: '6gb' } } },
};

const options = (progress = new Steps()): { progress: Steps; signal: AbortSignal } => ({
  progress,
  signal: never,
});

/** This machine's libvirt as that of another computer, which a real sshd stands before. */
describe('a VM on another computer', () => {
  let server: SshServer;
  let lab: VmLab;
  let project: Project;
  let vm: Environment;
  const usualPath = process.env['PATH'];
  /** Every program that was started, with its arguments. */
  const started: string[] = [];

  beforeAll(async () => {
    const debug = (text: string): void => void started.push(text);
    const log: Logger = { trace: debug, debug, info: debug, warn: debug, error: debug };
    [lab, server] = await Promise.all([vmLab({ log }), SshServer.start()]);
    // The connections to the machine are this process's own.
    process.env['PATH'] = sshOf(server, path.join(lab.folder, 'client'));
    project = await lab.project('far', config);
    await writeFile(path.join(project.folder, 'hello.txt'), 'from the host\n');
    const libvirt = parseLibvirtUri(`qemu+ssh://root@127.0.0.1:${server.port}/system`, 'setting');
    vm = lab.other({ libvirt }).forProject(project);
  });

  afterAll(async () => {
    await vm.destroy(options());
    vm.dispose();
    await lab.end();
    process.env['PATH'] = usualPath;
    await server.stop();
  });

  const domain = async (): Promise<string> => (await vm.details(never)).engineName ?? '';

  it('is made, has the workspace, and is entered by its computer alone', async () => {
    const { connection, start } = await vm.open(options());
    expect(start?.how).toBe('create');
    expect(await output(connection, ['sh', '-c', 'cat ~/seen'])).toBe('from the host');
    const access = await vm.access?.(never);
    if (access?.by !== 'ssh') throw new Error('It is no SSH server.');
    const { stdout } = await execute('ss', ['-tnpH', 'dst', access.host]);
    const carriers = stdout.split('\n').filter((line) => line !== '');
    expect(carriers.length).toBeGreaterThan(0);
    for (const line of carriers) expect(line).toContain('"sshd"');
  });

  it('is known there by nothing of this computer', async () => {
    const defined = await virsh('dumpxml', await domain());
    // Vagrant notes down for people where it was; nobody opens it.
    const xml = defined.replace(/<description>.*<\/description>/, '');
    // Unpacked where it is emulated.
    expect(xml).toMatch(/_boot_vmlinu[xz]/);
    expect(xml).not.toContain(lab.folder);
    expect(xml).not.toContain(vagrantHome());
    const calls = started.filter((line) => line.includes('virsh'));
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter((line) => line.includes('qemu:///'))).toEqual([]);
    expect((await vm.details(never)).host).toBe(`root@127.0.0.1:${server.port}`);
  });

  it('has the workspace kept the same, large files too', async () => {
    const { connection } = await vm.open(options());
    const { workspaceFolder } = await vm.details(never);
    await output(connection, ['sh', '-c', `cd ${workspaceFolder} && echo back > made.txt`]);
    await writeFile(path.join(project.folder, 'large.bin'), Buffer.alloc(20 * 2 ** 20, 'x'));
    await vm.syncNow(options());
    expect(await readFile(path.join(project.folder, 'made.txt'), 'utf8')).toBe('back\n');
    expect(await output(connection, ['stat', '-c', '%s', `${workspaceFolder}/large.bin`])).toBe(
      String(20 * 2 ** 20),
    );
  });

  it('has an alias that SSH clients get in by', async () => {
    const book = new SshBook(path.join(lab.folder, 'ssh'), silentLogger);
    const doors = new Doors(book, { node: process.execPath, script: '', env: {} });
    const access = await vm.access?.(never);
    if (!access) throw new Error('It has no way in.');
    const { alias } = await doors.open(vm, access, { start: true });
    const argv = ['-F', book.configFile, '-o', 'BatchMode=yes', alias, 'cat ~/seen'];
    expect((await execute('ssh', argv)).stdout).toBe('from the host\n');
  });

  it('is rebuilt there, on an empty disk', async () => {
    await output(await vm.connect(never), ['touch', '/root/old']);
    const progress = new Steps();
    const { connection, hooks } = await vm.rebuild(options(progress));
    expect(progress.lines.join('\n')).toContain('empty disk');
    expect(await hooks).toBeUndefined();
    expect(await output(connection, ['sh', '-c', 'cat ~/seen; ls /root'])).toBe('from the host\nseen');
  });

  it('sleeps, wakes, halts and starts, and is gone without a trace', async () => {
    await vm.suspend(options());
    expect((await vm.refresh(never)).state).toBe('suspended');
    const woken = await vm.open(options());
    expect(woken.start?.how).toBe('resume');
    expect(await output(woken.connection, ['sh', '-c', 'cat ~/seen'])).toBe('from the host');
    await vm.stop(options());
    expect((await vm.refresh(never)).state).toBe('stopped');
    const again = await vm.open(options());
    expect(again.start?.how).toBe('start');
    expect(await output(again.connection, ['sh', '-c', 'cat ~/seen'])).toBe('from the host');
    await vm.destroy(options());
    expect((await vm.refresh(never)).state).toBe('absent');
    expect(await traces(project.id)).toEqual([]);
  });
});
