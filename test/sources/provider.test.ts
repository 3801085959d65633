import { execFile } from 'node:child_process';
import { access, appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Project } from '../../src/config/project.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { never } from '../engines/support/docker.ts';
import { output, Steps, vmLab, type VmLab } from '../engines/support/vm.ts';

/**
 * The user's own Vagrantfile. Its machines are made by Vagrant's provider for containers, which is there
 * wherever the tests run and takes a second where an emulated machine takes a minute; for us it is a
 * provider like any other that is not libvirt.
 */

const execute = promisify(execFile);
const image = `switchyard-test-vagrant-${process.pid}`;
const quiet = { ...process.env, VAGRANT_CHECKPOINT_DISABLE: '1', VAGRANT_NO_COLOR: '1' };

/** Logs in with the key that Vagrant is delivered with, which it replaces at the first `up`. */
const dockerfile = `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends openssh-server sudo \\
 && rm -rf /var/lib/apt/lists/* && mkdir -p /run/sshd \\
 && useradd --create-home --shell /bin/bash vagrant \\
 && echo 'vagrant ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/vagrant && mkdir -m 700 /home/vagrant/.ssh
COPY key.pub /home/vagrant/.ssh/authorized_keys
RUN chown -R vagrant: /home/vagrant/.ssh && chmod 600 /home/vagrant/.ssh/authorized_keys
CMD ["/usr/sbin/sshd", "-D"]
`;

const machines = (more = ''): string => `Vagrant.configure('2') do |config|
  config.vm.synced_folder '.', '/vagrant', disabled: true
${more}  %w[web db].each do |name|
    config.vm.define name do |machine|
      machine.ssh.private_key_path = ENV['SWITCHYARD_TEST_KEY'] || File.expand_path('.vagrant-test-key', __dir__)
      machine.ssh.insert_key = false
      machine.vm.provider 'docker' do |docker|
        docker.image = '${image}'
        docker.pull = false
        docker.has_ssh = true
      end
    end
  end
end
`;

const options = (progress = new Steps()): { progress: Steps; signal: AbortSignal } => ({
  progress,
  signal: never,
});

async function vagrant(project: Project, ...args: string[]): Promise<string> {
  return (await execute('vagrant', args, { cwd: project.folder, env: quiet })).stdout;
}

describe('a Vagrantfile of the user’s own', () => {
  let lab: VmLab;
  let keys: string;
  const opened: { project: Project; vm: Environment }[] = [];

  beforeAll(async () => {
    lab = await vmLab();
    keys = await mkdtemp(path.join(os.tmpdir(), 'switchyard-keys-'));
    await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(keys, 'key')]);
    await writeFile(path.join(keys, 'Dockerfile'), dockerfile);
    await execute('docker', ['build', '-q', '-t', image, keys]);
  });

  afterAll(async () => {
    for (const { project, vm } of opened) {
      vm.dispose();
      await vagrant(project, 'destroy', '--force').catch(() => undefined);
    }
    await execute('docker', ['image', 'rm', '--force', image]);
    await rm(keys, { recursive: true });
    await lab.end();
  });

  async function made(name: string, config: object | 'none', file = machines()): Promise<Project> {
    const project = await lab.project(name, config);
    await writeFile(path.join(project.folder, 'Vagrantfile'), file);
    await writeFile(path.join(project.folder, '.vagrant-test-key'), await readFile(path.join(keys, 'key')), {
      mode: 0o600,
    });
    await writeFile(path.join(project.folder, 'hello.txt'), 'from the host\n');
    return project;
  }

  function environment(project: Project, provider = lab.provider): Environment {
    const vm = provider.forProject(project);
    opened.push({ project, vm });
    return vm;
  }

  const source = { vagrantfile: '../Vagrantfile', machine: 'web' };
  const config = {
    containerEnv: { GREETING: 'hello "$HOME"' },
    remoteEnv: { PLACE: '${localWorkspaceFolderBasename}', PATH: '${containerEnv:PATH}:/opt/more' },
    onCreateCommand: 'echo made >> ~/hooks.log',
    postStartCommand: ['sh', '-c', 'echo "started $GREETING" >> ~/hooks.log'],
    customizations: { switchyard: { vm: { source } } },
  };

  describe('with several machines', () => {
    let project: Project;
    let vm: Environment;

    beforeAll(async () => {
      project = await made('several', config);
      vm = environment(project);
    });

    it('opens the one that is named, with its workspace, its hooks and its environment', async () => {
      const { connection, start, workspaceFolder, problem, hooks } = await vm.open(options());
      expect(problem).toBeUndefined();
      expect(await hooks).toBeUndefined();
      expect(start?.how).toBe('create');
      expect(workspaceFolder).toBe('/workspaces/several');
      expect(await output(connection, ['id', '-un'])).toBe('vagrant');
      expect(await output(connection, ['cat', 'hello.txt'])).toBe('from the host');
      // Vagrant's own data has the machines' keys.
      await expect(output(connection, ['ls', '-d', '.vagrant'])).rejects.toThrow(/No such file/);
      expect(await output(connection, ['cat', '/home/vagrant/hooks.log'])).toBe(
        'made\nstarted hello "$HOME"',
      );
      expect(await output(connection, ['printenv', 'PLACE'])).toBe('several');
      expect(await output(connection, ['printenv', 'PATH'])).toMatch(/\/usr\/bin.*:\/opt\/more$/);
      expect(await output(connection, ['id', '-un'], { user: 'root' })).toBe('root');
      expect((await vm.refresh(never)).state).toBe('running');
      expect(vm.status.drifted).toBe(false);
    });

    it('is the machine that Vagrant itself sees in that folder', async () => {
      const status = await vagrant(project, 'status');
      expect(status).toMatch(/web\s+running \(docker\)/);
      expect(status).toMatch(/db\s+not created/);
    });

    it('tells its figures itself', async () => {
      await vm.usage(never);
      const usage = await vm.usage(never);
      expect(usage?.cpus).toBe(os.cpus().length);
      expect(usage?.memoryBytes).toBeGreaterThan(0);
      expect(usage?.diskBytes).toBeGreaterThan(0);
      const { isolation, ignored, engineName } = await vm.details(never);
      // A container, whatever Vagrant calls it.
      expect(isolation).toMatchObject({ kernel: 'shared', acceleration: undefined });
      expect(engineName).toBe('several/web');
      expect(ignored).toEqual([]);
    });

    it('goes on from a halt as the file is now, and hooks of its creation do not run again', async () => {
      await appendFile(path.join(project.folder, 'Vagrantfile'), '# changed\n');
      expect(await vm.refresh(never)).toMatchObject({ drifted: true, restartApplies: true });
      await vm.stop(options());
      expect(vm.status.state).toBe('stopped');
      await writeFile(path.join(project.folder, 'hello.txt'), 'while it was off\n');
      const { connection, start, hooks } = await vm.open(options());
      expect(await hooks).toBeUndefined();
      expect(start?.how).toBe('start');
      expect(vm.status).toMatchObject({ state: 'running', drifted: false });
      expect(await output(connection, ['cat', 'hello.txt'])).toBe('while it was off');
      expect(await output(connection, ['sort', '/home/vagrant/hooks.log'])).toBe(
        'made\nstarted hello "$HOME"\nstarted hello "$HOME"',
      );
    });

    it('takes over a machine that runs already, and leaves it where that is cancelled', async () => {
      const cancel = new AbortController();
      const progress = new Steps().when(/Preparing/, () => cancel.abort());
      const elsewhere = { ...project, storage: `${project.storage}-other` };
      const other = environment(elsewhere);
      await expect(other.open({ progress, signal: cancel.signal })).rejects.toMatchObject({
        code: 'cancelled',
      });
      expect(await vagrant(project, 'status', 'web')).toMatch(/web\s+running/);
      const { connection } = await other.open(options());
      expect(await output(connection, ['cat', 'hello.txt'])).toBe('while it was off');
      other.dispose();
    });

    it('is made anew after somebody destroyed it behind our back', async () => {
      await vagrant(project, 'destroy', '--force', 'web');
      expect((await vm.refresh(never)).state).toBe('absent');
      const { connection, start, hooks } = await vm.open(options());
      await hooks;
      expect(start?.how).toBe('create');
      expect(await output(connection, ['cat', '/home/vagrant/hooks.log'])).toContain('made\nstarted');
    });

    it('is destroyed, and the file stays', async () => {
      await vm.destroy(options());
      expect(vm.status.state).toBe('absent');
      expect(await vagrant(project, 'status', 'web')).toMatch(/web\s+not created/);
      await access(path.join(project.folder, 'Vagrantfile'));
    });
  });

  it('has the workspace where the file mounts it, and nothing is synced on top', async () => {
    const file = machines()
      .replace("'/vagrant', disabled: true", "'/vagrant'")
      .replace('%w[web db]', '%w[web]');
    const project = await made('mounted', 'none', file);
    const vm = environment(project);
    const { connection, workspaceFolder, carried } = await vm.open(options());
    expect(workspaceFolder).toBe('/vagrant');
    expect(carried).toBeUndefined();
    expect(vm.sync).toBeUndefined();
    await writeFile(path.join(project.folder, 'hello.txt'), 'seen at once\n');
    expect(await output(connection, ['cat', 'hello.txt'])).toBe('seen at once');
    expect((await vm.details(never)).workspaceMode).toBe('mount');
    await vm.destroy(options());
  });
});
