import { execFile } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Project } from '../../src/config/project.ts';
import type { Environment, OpenResult } from '../../src/environments/environment.ts';
import { never } from './support/docker.ts';
import { output, Steps, traces, virsh, vmLab, type VmLab } from './support/vm.ts';

const execute = promisify(execFile);

/** Two boots in software emulation, on a computer that does much else. */
const slow = 10 * 60_000;

const config = (mounts: readonly string[], memory = '512mb'): object => ({
  image: 'debian:bookworm',
  mounts,
  postCreateCommand: 'echo created >> ~/hooks.log',
  postStartCommand: 'echo started >> ~/hooks.log',
  customizations: { switchyard: { vm: { cpus: 1, memory, disk: '4gb' } } },
});
const [first, second] = ['first', 'second'].map((name) => `source=${name},target=/srv/${name},type=volume`);

describe('a VM that is rebuilt', () => {
  const warned: string[] = [];
  let lab: VmLab;
  let project: Project;
  let vm: Environment;
  let progress: Steps;
  let domain: string;

  beforeAll(async () => {
    const warn = (message: string): void => void warned.push(message);
    const quiet = (): void => undefined;
    lab = await vmLab({ log: { trace: quiet, debug: quiet, info: quiet, warn, error: warn } });
    project = await lab.project('rebuilt', config([first ?? '']));
    vm = lab.provider.forProject(project);
    domain = `switchyard-${project.id}-vm`;
    const opened = await vm.open(options());
    expect(await opened.hooks).toBeUndefined();
  }, slow);

  afterAll(async () => {
    await vm.destroy(options(), { withVolumes: true });
    vm.dispose();
    await lab.end();
  }, slow);

  const options = (): { progress: Steps; signal: AbortSignal } => {
    progress = new Steps();
    return { progress, signal: never };
  };
  const inside = async (script: string): Promise<string> =>
    output(await vm.connect(never), ['sh', '-c', script], { cwd: '/' });
  const file = (...parts: string[]): string => path.join(project.storage, 'vm', ...parts);
  const guestId = async (): Promise<string> =>
    (JSON.parse(await readFile(file('machine.json'), 'utf8')) as { guestId: string }).guestId;
  const uuid = async (): Promise<string> => (await virsh('domuuid', domain)).trim();
  const vagrant = async (...args: string[]): Promise<string> => {
    const env = { ...process.env, VAGRANT_CWD: file(), VAGRANT_DOTFILE_PATH: file('vagrant') };
    return (await execute('vagrant', args, { env })).stdout;
  };
  const change = async (devcontainer: object): Promise<void> => {
    await writeFile(project.configFile ?? '', JSON.stringify(devcontainer));
  };
  /** What the disk is, apart from what is on it. */
  const disk = async (): Promise<string> => {
    const xml = await virsh('vol-dumpxml', '--pool', 'default', `${domain}.img`);
    return xml.replaceAll(/<(allocation|physical)\b.*|<timestamps>[^]*<\/timestamps>/g, '');
  };
  /** Rebuilds, and waits for its hooks. */
  const rebuild = async (): Promise<OpenResult> => {
    const opened = await vm.rebuild(options());
    expect(await opened.hooks).toBeUndefined();
    expect(opened.start).toEqual({ how: 'create', warmCache: true });
    return opened;
  };

  it(
    'is kept but for its disk, where nothing else of it changed',
    async () => {
      await inside('echo old > /root/old; echo kept > /srv/first/kept');
      await appendFile(file('console.log'), 'of the old run\n');
      const before = { guestId: await guestId(), uuid: await uuid(), disk: await disk() };
      const definition = await virsh('dumpxml', '--inactive', domain);

      await rebuild();
      expect(progress.lines).toContain('It begins on an empty disk; all else is as it was.');
      expect(await guestId()).not.toBe(before.guestId);
      expect(await uuid()).toBe(before.uuid);
      expect(await disk()).toBe(before.disk);
      expect(await virsh('dumpxml', '--inactive', domain)).toBe(definition);
      expect(await inside('ls /root/old 2>&1 || true')).toContain('No such file');
      expect(await inside('cat /root/hooks.log /srv/first/kept')).toBe('created\nstarted\nkept');
      expect(await readFile(file('console.log'), 'utf8')).not.toContain('of the old run');
      expect(warned).toEqual([]);
    },
    slow,
  );

  it('is what Vagrant knows as before', async () => {
    expect(await vagrant('status', '--machine-readable')).toMatch(/,vm,state,running/);
  });

  it(
    'has the volumes of now, also where it slept',
    async () => {
      await vm.suspend(options());
      await change(config([second ?? '']));
      const before = await uuid();
      await rebuild();
      expect(await uuid()).toBe(before);
      expect(await inside('findmnt -n -o FSTYPE /srv/second; findmnt -n /srv/first || true')).toBe('ext4');
      expect(await virsh('domblklist', domain)).not.toContain('volume-first');
      expect(await virsh('domblklist', '--inactive', domain)).not.toContain('volume-first');
      await change(config([second ?? '', first ?? '']));
      await rebuild();
      expect(await uuid()).toBe(before);
      expect(await inside('cat /srv/first/kept')).toBe('kept');
      expect(warned).toEqual([]);
    },
    slow,
  );

  it(
    'is made by Vagrant where it is to be another one',
    async () => {
      await change(config([first ?? ''], '640mb'));
      const before = await uuid();
      await rebuild();
      expect(await uuid()).not.toBe(before);
      expect(await virsh('dumpxml', domain)).toMatch(/<memory unit='KiB'>655360</);
      expect(await inside('cat /root/hooks.log /srv/first/kept')).toBe('created\nstarted\nkept');
    },
    slow,
  );

  it(
    'is made by Vagrant where libvirt does not start it on its new disk',
    async () => {
      const made = await readFile(file('made.json'), 'utf8');
      const broken = made.replace(/<emulator>[^<]*</, '<emulator>/nonexistent<');
      expect(broken).not.toBe(made);
      await writeFile(file('made.json'), broken);
      const before = await uuid();
      await rebuild();
      expect(await uuid()).not.toBe(before);
      expect(await inside('cat /root/hooks.log /srv/first/kept')).toBe('created\nstarted\nkept');
      expect(warned.splice(0).join('\n')).toContain('Vagrant makes the machine');
    },
    slow,
  );

  it(
    'is gone where that is cancelled, and made anew by the next open',
    async () => {
      for (const step of [/Making the virtual machine/, /Preparing the virtual machine/]) {
        const cancel = new AbortController();
        const cancelling = new Steps().when(step, () => cancel.abort());
        const rebuilding = vm.rebuild({ progress: cancelling, signal: cancel.signal });
        await expect(rebuilding).rejects.toMatchObject({ code: 'cancelled' });
        expect((await vm.refresh(never)).state).toBe('absent');
        expect((await traces(project.id)).filter((line) => !line.includes('-volume-'))).toEqual([]);
        const opened = await vm.open(options());
        expect(await opened.hooks).toBeUndefined();
        expect(await inside('cat /root/hooks.log /srv/first/kept')).toBe('created\nstarted\nkept');
      }
    },
    slow,
  );

  it(
    'is made anew by the next open where a window died halfway, without its disk',
    async () => {
      await virsh('destroy', domain);
      await virsh('vol-delete', '--pool', 'default', `${domain}.img`);
      const record = JSON.parse(await readFile(file('machine.json'), 'utf8')) as object;
      await writeFile(file('machine.json'), JSON.stringify({ ...record, phase: 'creating' }));
      const opened = await vm.open(options());
      expect(opened.start?.how).toBe('create');
      expect(await opened.hooks).toBeUndefined();
      await vagrant('destroy', '--force');
      expect((await vm.refresh(never)).state).toBe('absent');
    },
    slow,
  );
});
