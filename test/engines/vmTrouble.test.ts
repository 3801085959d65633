import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Project } from '../../src/config/project.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { never } from './support/docker.ts';
import { output, Steps, traces, virsh, vmLab, type VmLab } from './support/vm.ts';

const execute = promisify(execFile);
const minutes = 60_000;

/** An image whose machine never gets an address: what is run before anybody is let in unplugs its network. */
const deaf = `FROM debian:bookworm
RUN mkdir -p /etc/switchyard \\
 && echo '#!/bin/sh' > /etc/switchyard/mount \\
 && echo 'for net in /sys/class/net/eth*; do echo 1 > $net/device/../remove; done' >> /etc/switchyard/mount \\
 && chmod +x /etc/switchyard/mount
`;
const config = {
  build: { dockerfile: 'Dockerfile' },
  customizations: { switchyard: { vm: { cpus: 1, memory: '512mb', disk: '4gb' } } },
};
const options = { progress: new Steps(), signal: never };

describe('trouble with a VM', () => {
  let lab: VmLab;
  const opened: Environment[] = [];
  /** Programs that a person without some of them has. */
  let programs: string;

  beforeAll(async () => {
    lab = await vmLab();
    programs = await mkdtemp(path.join(os.tmpdir(), 'switchyard-path-'));
    for (const name of ['docker', 'sh', 'env', 'uname', 'getent', 'id', 'cat']) {
      const { stdout } = await execute('sh', ['-c', `command -v ${name}`]);
      await symlink(stdout.trim(), path.join(programs, name));
    }
  });
  afterEach(async () => {
    for (const environment of opened.splice(0)) {
      await environment.destroy(options);
      environment.dispose();
    }
  }, 5 * minutes);
  afterAll(async () => {
    await lab.end();
    await rm(programs, { recursive: true, force: true });
  });

  async function projectWith(name: string, dockerfile: string, changes: object = {}): Promise<Project> {
    const project = await lab.project(name, { ...config, ...changes });
    await writeFile(path.join(project.folder, '.devcontainer', 'Dockerfile'), dockerfile);
    return project;
  }

  it('says that libvirt is not installed, and what to install', async () => {
    const project = await projectWith('no-libvirt', deaf);
    const vm = lab.other({ env: { PATH: programs } }).forProject(project);
    const { state, problem } = await vm.refresh(never);
    expect({ state, code: problem?.code }).toEqual({ state: 'unavailable', code: 'libvirt.missing' });
    expect(problem?.next).toMatch(/libvirt/);
    vm.dispose();
  });

  it('says that Vagrant is not installed, before it builds anything', async () => {
    const virsh = (await execute('sh', ['-c', 'command -v virsh'])).stdout.trim();
    await symlink(virsh, path.join(programs, 'virsh'));
    const project = await projectWith('no-vagrant', deaf);
    const vm = lab.other({ env: { PATH: programs } }).forProject(project);
    const progress = new Steps();
    await expect(vm.open({ progress, signal: never })).rejects.toMatchObject({ code: 'vagrant.missing' });
    expect(progress.steps).toEqual([]);
    expect(vm.status.state).toBe('absent');
    vm.dispose();
    await rm(path.join(programs, 'virsh'));
  });

  it('says that libvirt does not run', async () => {
    const project = await projectWith('stopped-libvirt', deaf);
    // A namespace in which nobody listens on libvirt's socket, as on a computer where it was not started.
    const script = path.join(import.meta.dirname, 'support', 'vmStatus.ts');
    const { stdout } = await execute('unshare', [
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs none /run/libvirt && exec "$@"',
      'sh',
      process.execPath,
      script,
      JSON.stringify(project),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'unavailable', code: 'libvirt.notRunning' });
  });

  it('does not begin to build what the disk has no room for', async () => {
    const project = await projectWith('full', deaf);
    const boxes = path.join(lab.folder, 'storage', 'boxes');
    await mkdir(boxes, { recursive: true });
    await execute('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'none', boxes]);
    try {
      const vm = lab.provider.forProject(project);
      opened.push(vm);
      await expect(vm.open(options)).rejects.toMatchObject({ code: 'disk.full' });
      expect(await readdir(boxes)).toEqual([]);
      expect(await traces(project.id)).toEqual([]);
    } finally {
      await execute('umount', [boxes]);
    }
  });

  it('keeps of the images that it built what the next one needs, and of a destroyed one nothing', async () => {
    const project = await projectWith('images', '');
    const dockerfile = (last: string): string =>
      `FROM debian:bookworm\nLABEL switchyard.test=${project.id}\nRUN echo ID=plan9 > /usr/lib/os-release\nRUN ${last}\n`;
    const change = (last: string): Promise<void> =>
      writeFile(path.join(project.folder, '.devcontainer', 'Dockerfile'), dockerfile(last));
    const images = async (): Promise<string[]> => {
      const filter = `label=switchyard.test=${project.id}`;
      const { stdout } = await execute('docker', ['images', '--all', '--quiet', '--filter', filter]);
      return stdout.split('\n').filter((id) => id !== '');
    };
    const vm = lab.provider.forProject(project);
    opened.push(vm);
    await change('true');
    await expect(vm.open(options)).rejects.toMatchObject({ code: 'image.family' });
    const before = await images();
    expect(before.length).toBeGreaterThan(1);
    await change('echo changed');
    await expect(vm.open(options)).rejects.toMatchObject({ code: 'image.family' });
    expect(await images()).toHaveLength(before.length);
    expect(await images()).not.toEqual(before);
    await vm.destroy(options);
    expect(await images()).toEqual([]);
  });

  it('says which images no machine can be made of', async () => {
    // The family is told by a file of the image; nothing of it runs.
    const other = `FROM debian:bookworm\nRUN printf 'ID=plan9\\nNAME="Plan 9"\\n' > /usr/lib/os-release\n`;
    const vm = lab.provider.forProject(await projectWith('family', other));
    opened.push(vm);
    await expect(vm.open(options)).rejects.toMatchObject({
      code: 'image.family',
      message: expect.stringContaining('Plan 9') as string,
    });
  });

  it('stops at a Dockerfile that fails, with the failing step’s words', async () => {
    const broken = 'FROM debian:bookworm\nRUN echo about-to-fail >&2 && exit 7\n';
    const vm = lab.provider.forProject(await projectWith('dockerfile', broken));
    opened.push(vm);
    await expect(vm.open(options)).rejects.toMatchObject({
      code: 'image.buildFailed',
      message: expect.stringContaining('about-to-fail') as string,
    });
    expect(vm.status.state).toBe('absent');
  });

  it('stops at an initializeCommand that fails, before anything is made', async () => {
    const project = await projectWith('initialize', 'FROM debian:bookworm\n', {
      initializeCommand: 'echo not-today >&2; exit 4',
    });
    const vm = lab.provider.forProject(project);
    opened.push(vm);
    await expect(vm.open(options)).rejects.toMatchObject({ code: 'hook.failed' });
    expect(await traces(project.id)).toEqual([]);
  });

  it(
    'waits a bounded time for an address, shows the console, and leaves nothing',
    async () => {
      const project = await projectWith('deaf', deaf);
      const vm = lab.other({ timeouts: { bootMs: 45_000 } }).forProject(project);
      opened.push(vm);
      const error: unknown = await vm.open(options).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'vm.noAddress' });
      // What it printed on its console, kept where the log shows it.
      expect((error as { detail: string }).detail).toMatch(/systemd|Linux version|switchyard/i);
      expect(await traces(project.id)).toEqual([]);
      expect(vm.status.state).toBe('absent');
    },
    8 * minutes,
  );

  it(
    'loses to a power cut nothing of what it was made with',
    async () => {
      const hook = 'mkdir -p ~/made && echo by a hook > ~/made/file';
      const project = await projectWith('cut', 'FROM debian:bookworm\n', { onCreateCommand: hook });
      const vm = lab.provider.forProject(project);
      opened.push(vm);
      await (
        await vm.open(options)
      ).hooks;
      await virsh('destroy', `switchyard-${project.id}-vm`);
      const { problem, workspaceFolder } = await vm.open(options);
      expect(problem).toBeUndefined();
      const connection = await vm.connect(never);
      expect(await output(connection, ['sh', '-c', 'cat ~/made/file; hostname'])).toBe('by a hook\ncut');
      const devcontainer = path.join(workspaceFolder, '.devcontainer/Dockerfile');
      expect(await output(connection, ['cat', devcontainer])).toBe('FROM debian:bookworm');
    },
    8 * minutes,
  );
});
