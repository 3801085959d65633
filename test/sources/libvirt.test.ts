import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExecaRunner } from '../../src/base/execaRunner.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Project } from '../../src/config/project.ts';
import { vagrantHome } from '../../src/engines/vagrantIndex.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { chooseAcceleration, probeVirtualisation } from '../../src/environments/vm/acceleration.ts';
import { BoxStore } from '../../src/environments/vm/image/boxStore.ts';
import { never, realEngine } from '../engines/support/docker.ts';
import { output, Steps, traces, virsh, vmLab, type VmLab } from '../engines/support/vm.ts';

/**
 * Machines of libvirt out of a Vagrantfile of the user's own and out of a box. The box is made here, and is
 * like the public ones: a user named vagrant with sudo, and the key that Vagrant is delivered with.
 */

const execute = promisify(execFile);
const slow = 10 * 60_000;
const image = `switchyard-test-box-${process.pid}`;
const quiet = { ...process.env, VAGRANT_CHECKPOINT_DISABLE: '1', VAGRANT_NO_COLOR: '1' };

const dockerfile = `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends openssh-server sudo rsync \\
 && rm -rf /var/lib/apt/lists/* && useradd --create-home --shell /bin/bash vagrant \\
 && echo 'vagrant ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/vagrant && mkdir -m 700 /home/vagrant/.ssh
COPY insecure.pub /home/vagrant/.ssh/authorized_keys
RUN chown -R vagrant: /home/vagrant/.ssh && chmod 600 /home/vagrant/.ssh/authorized_keys
`;

const options = (progress = new Steps()): { progress: Steps; signal: AbortSignal } => ({
  progress,
  signal: never,
});

describe('a machine of libvirt that is not made of the project’s image', () => {
  let lab: VmLab;
  let folder: string;
  let boxes: BoxStore;
  let box: string;
  let driver: string;
  const opened: { project: Project; vm: Environment }[] = [];

  beforeAll(async () => {
    lab = await vmLab();
    folder = await mkdtemp(path.join(os.tmpdir(), 'switchyard-box-'));
    const insecure = path.join(vagrantHome(), 'insecure_private_key');
    // Vagrant puts it there when it runs for the first time.
    await execute('vagrant', ['box', 'list'], { env: quiet });
    const { stdout } = await execute('ssh-keygen', ['-y', '-f', insecure]);
    // As ssh-keygen prints it, without which Vagrant would not know it for its own.
    await writeFile(path.join(folder, 'insecure.pub'), `${stdout.trim()} vagrant insecure public key\n`);
    await writeFile(path.join(folder, 'Dockerfile'), dockerfile);
    await execute('docker', ['build', '-q', '-t', image, folder]);
    const runner = new ExecaRunner(silentLogger);
    const docker = realEngine();
    boxes = new BoxStore({
      folder: path.join(folder, 'boxes'),
      vagrantHome: vagrantHome(),
      docker,
      runner,
      log: silentLogger,
    });
    const { Id, RootFS } = await docker.ask('', (engine) => engine.getImage(image).inspect(), {
      signal: never,
    });
    const { type } = chooseAcceleration('auto', await probeVirtualisation());
    driver = type === 'kvm' ? 'kvm' : 'qemu';
    const built = await boxes.ensure(Id, RootFS.Layers ?? [], 'test', {
      acceleration: type,
      progress: new Steps(),
      signal: never,
    });
    box = built.box.name;
  }, slow);

  afterAll(async () => {
    for (const { project, vm } of opened) {
      await vm.destroy(options());
      vm.dispose();
      expect(await traces(project.id)).toEqual([]);
    }
    await boxes.release('test', undefined, never);
    await execute('docker', ['image', 'rm', '--force', image]);
    await rm(folder, { recursive: true });
    await lab.end();
  }, slow);

  function vagrantfile(): string {
    return `Vagrant.configure('2') do |config|
  config.vm.box = '${box}'
  config.vm.synced_folder '.', '/vagrant', type: 'rsync'
  config.vm.define 'db'
  config.vm.define 'web' do |web|
    web.vm.provision 'shell', inline: 'echo provisioned > /etc/provisioned'
  end
  config.vm.provider :libvirt do |libvirt|
    libvirt.default_prefix = 'switchyard-test-${process.pid}-'
    libvirt.driver = '${driver}'
    libvirt.cpu_mode = '${driver === 'kvm' ? 'host-passthrough' : 'custom'}'
    ${driver === 'kvm' ? '' : "libvirt.cpu_model = 'qemu64'"}
    libvirt.cpus = 1
    libvirt.memory = 512
    libvirt.graphics_type = 'none'
    libvirt.video_type = 'none'
  end
end
`;
  }

  it(
    'is the one of the Vagrantfile: opened, suspended, woken, halted and started as Vagrant does',
    async () => {
      const project = await lab.project('own', {
        remoteEnv: { GREETING: 'hello' },
        postCreateCommand: 'cat /etc/provisioned > ~/created',
        waitFor: 'postCreateCommand',
        customizations: {
          switchyard: { vm: { source: { vagrantfile: '../Vagrantfile', machine: 'web' } } },
        },
      });
      await writeFile(path.join(project.folder, 'Vagrantfile'), vagrantfile());
      await writeFile(path.join(project.folder, 'hello.txt'), 'from the host\n');
      const vm = lab.provider.forProject(project);
      opened.push({ project, vm });
      const first = await vm.open(options());
      expect(first.problem).toBeUndefined();
      // What Vagrant itself copies to /vagrant at each start is no place to work in.
      expect(first.workspaceFolder).toBe('/workspaces/own');
      expect(await output(first.connection, ['cat', 'hello.txt', '/home/vagrant/created'])).toBe(
        'from the host\nprovisioned',
      );
      expect(await output(first.connection, ['printenv', 'GREETING'])).toBe('hello');
      expect(await output(first.connection, ['id', '-un'])).toBe('vagrant');
      const status = await execute('vagrant', ['status'], { cwd: project.folder, env: quiet });
      expect(status.stdout).toMatch(/web\s+running \(libvirt\)/);
      expect(status.stdout).toMatch(/db\s+not created \(libvirt\)/);
      expect((await vm.details(never)).isolation).toMatchObject({
        kernel: 'own',
        acceleration: { type: driver === 'kvm' ? 'kvm' : 'tcg' },
      });
      expect((await vm.usage(never))?.memoryLimitBytes).toBe(512 * 2 ** 20);
      expect((await vm.access?.(never))?.user).toBe('vagrant');

      await vm.suspend(options());
      expect(vm.status.state).toBe('suspended');
      const woken = await vm.open(options());
      expect(woken.start?.how).toBe('resume');
      expect(await output(woken.connection, ['cat', 'hello.txt'])).toBe('from the host');

      await writeFile(path.join(project.folder, 'Vagrantfile'), vagrantfile().replace('512', '640'));
      expect(await vm.refresh(never)).toMatchObject({ drifted: true, restartApplies: true });
      await vm.stop(options());
      const started = await vm.open(options());
      expect(started.start?.how).toBe('start');
      expect(vm.status.drifted).toBe(false);
      expect((await vm.usage(never))?.memoryLimitBytes).toBe(640 * 2 ** 20);
      await vm.destroy(options());
      expect((await vm.refresh(never)).state).toBe('absent');
      expect(await virsh('list', '--all', '--name')).not.toContain(`switchyard-test-${process.pid}-web`);
    },
    slow,
  );

  it(
    'is made of a box, with the user and the sizes that the config and the box say',
    async () => {
      const project = await lab.project('of-a-box', {
        containerEnv: { GREETING: 'hello' },
        postStartCommand: 'echo started >> ~/hooks.log',
        waitFor: 'postStartCommand',
        customizations: {
          switchyard: { vm: { source: { box }, cpus: 1, memory: '512mb', disk: '4gb' } },
        },
      });
      await writeFile(path.join(project.folder, 'hello.txt'), 'from the host\n');
      const vm = lab.provider.forProject(project);
      opened.push({ project, vm });
      const { connection, workspaceFolder, problem } = await vm.open(options());
      expect(problem).toBeUndefined();
      expect(workspaceFolder).toBe('/workspaces/of-a-box');
      expect(await output(connection, ['cat', 'hello.txt', '/home/vagrant/hooks.log'])).toBe(
        'from the host\nstarted',
      );
      expect(await output(connection, ['id', '-un'])).toBe('vagrant');
      expect((await vm.usage(never))?.memoryLimitBytes).toBe(512 * 2 ** 20);
      await vm.suspend(options());
      expect((await vm.open(options())).start?.how).toBe('resume');
    },
    slow,
  );
});
