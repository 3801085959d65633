import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Project } from '../../src/config/project.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { never } from '../engines/support/docker.ts';
import { output, Steps, traces, virsh, vmLab, type VmLab } from '../engines/support/vm.ts';

const execute = promisify(execFile);

const config = {
  image: 'debian:bookworm',
  onCreateCommand: 'mkdir -p node_modules && echo installed > node_modules/large && echo old > both.txt',
  postCreateCommand: 'echo created >> ~/hooks.log',
  postStartCommand: 'echo started >> ~/hooks.log',
  customizations: { switchyard: { vm: { cpus: 1, memory: '512mb', disk: '6gb', readySnapshot: true } } },
};

describe('a ready snapshot', () => {
  const warned: string[] = [];
  const told: string[] = [];
  let lab: VmLab;
  let project: Project;
  let vm: Environment;
  const options = (): { progress: Steps; signal: AbortSignal } => ({ progress: new Steps(), signal: never });
  const onHost = (name: string): string => path.join(project.folder, name);

  beforeAll(async () => {
    const warn = (message: string): void => void warned.push(message);
    const quiet = (): void => undefined;
    const debug = (message: string): void => void told.push(message);
    lab = await vmLab({ log: { trace: quiet, debug, info: quiet, warn, error: warn } });
    project = await lab.project('ready', config);
    await mkdir(project.folder, { recursive: true });
    await writeFile(onHost('kept.txt'), 'first\n');
    await writeFile(onHost('gone.txt'), 'still here\n');
    vm = lab.provider.forProject(project);
  });

  afterAll(async () => {
    await vm.destroy(options());
    vm.dispose();
    await lab.end();
  });

  it('is taken between the hooks of the creation and those of the start', async () => {
    const opened = await vm.open(options());
    expect(await opened.hooks).toBeUndefined();
    expect(opened.problem).toBeUndefined();
    const { snapshot } = await vm.refresh(never);
    expect(warned).toEqual([]);
    expect(snapshot?.bytes).toBeGreaterThan(2 ** 20);
    expect(await output(opened.connection, ['cat', '/root/hooks.log'])).toBe('created\nstarted');
  });

  it('brings a destroyed machine back as it was, with the workspace as it is now', async () => {
    const { connection } = await vm.open(options());
    await output(connection, [
      'sh',
      '-c',
      'echo second > kept.txt; echo new > later.txt; echo x > /root/lost',
    ]);
    await rm(onHost('gone.txt'));
    await vm.syncNow(options());
    expect(await readFile(onHost('later.txt'), 'utf8')).toBe('new\n');
    await vm.destroy(options(), { keepSnapshot: true });
    expect(vm.status).toMatchObject({ state: 'absent' });
    expect(vm.status.capabilities).toContain('canDestroy');
    expect(await virsh('list', '--all', '--name')).not.toContain(project.id);
    await writeFile(onHost('both.txt'), 'of the host\n');

    told.length = 0;
    const began = performance.now();
    const opened = await vm.open(options());
    console.log(`back from the ready snapshot in ${Math.round(performance.now() - began)} ms`);
    expect(warned).toEqual([]);
    expect(opened.start).toEqual({ how: 'restore', warmCache: true });
    expect(told.filter((line) => line.startsWith('Sync agent:'))).toEqual([
      expect.stringContaining('python waited on'),
    ]);
    expect(await opened.hooks).toBeUndefined();
    const inGuest = (...argv: string[]): Promise<string> => output(opened.connection, argv);
    expect(await inGuest('cat', '/root/hooks.log')).toBe('created\nstarted');
    expect(await inGuest('ls', '/root')).not.toContain('lost');
    expect(await inGuest('cat', 'node_modules/large')).toBe('installed');
    expect(await inGuest('cat', 'kept.txt', 'later.txt', 'both.txt')).toBe('second\nnew\nof the host');
    expect(await inGuest('sh', '-c', 'ls')).not.toContain('gone.txt');
    expect(opened.carried?.conflicts).toEqual([]);
    expect(await readFile(onHost('kept.txt'), 'utf8')).toBe('second\n');
    await expect(readFile(onHost('gone.txt'))).rejects.toThrow('ENOENT');
    expect(Math.abs(Number(await inGuest('date', '+%s')) - Date.now() / 1000)).toBeLessThan(5);
    // Only the logins of now: ours, and root's.
    const logins = await inGuest('sh', '-c', 'read -r p < /run/sshd.pid; cat /proc/$p/task/$p/children');
    expect(logins.trim().split(/\s+/).length).toBeLessThanOrEqual(2);
    expect((await virsh('net-dhcp-leases', 'switchyard')).length).toBeGreaterThan(0);
  });

  it('leaves a machine that Vagrant and libvirt know as before', async () => {
    const folder = path.join(project.storage, 'vm');
    const { stdout } = await execute('vagrant', ['status', '--machine-readable'], {
      env: { ...process.env, VAGRANT_CWD: folder, VAGRANT_DOTFILE_PATH: path.join(folder, 'vagrant') },
    });
    expect(stdout).toMatch(/,vm,state,running/);
    expect(await virsh('dominfo', `switchyard-${project.id}-vm`)).toMatch(/Persistent:\s+yes/);
    await vm.suspend(options());
    expect(vm.status.state).toBe('suspended');
    expect((await vm.open(options())).start?.how).toBe('resume');
  });

  it('is taken anew where the machine is rebuilt, of which all stays but the disks', async () => {
    const uuid = await virsh('domuuid', `switchyard-${project.id}-vm`);
    await output(await vm.connect(never), ['touch', '/root/lost']);
    const before = (await vm.refresh(never)).snapshot;
    const opened = await vm.rebuild(options());
    expect(opened.start?.how).toBe('create');
    expect(await opened.hooks).toBeUndefined();
    expect(await virsh('domuuid', `switchyard-${project.id}-vm`)).toBe(uuid);
    expect(await output(opened.connection, ['ls', '/root'])).not.toContain('lost');
    expect(await output(opened.connection, ['cat', '/root/hooks.log'])).toBe('created\nstarted');
    const { snapshot } = await vm.refresh(never);
    expect(snapshot?.takenAt.getTime()).toBeGreaterThan(before?.takenAt.getTime() ?? Infinity);
    expect(warned).toEqual([]);
  });

  it('does not count where it is damaged: the machine is made anew, and a new one is taken', async () => {
    await vm.destroy(options(), { keepSnapshot: true });
    await truncate(path.join(project.storage, 'vm', 'ready', 'memory'), 1_000);
    const opened = await vm.open(options());
    expect(opened.start?.how).toBe('create');
    expect(warned.join('\n')).toContain('making it anew');
    expect(await opened.hooks).toBeUndefined();
    expect((await vm.refresh(never)).snapshot).toBeDefined();
  });

  it('goes with the machine where it is not to be kept', async () => {
    await vm.destroy(options());
    expect(vm.status.snapshot).toBeUndefined();
    expect(await traces(project.id)).toEqual([]);
  });
});
