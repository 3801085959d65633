import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Project } from '../../src/config/project.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { never } from '../engines/support/docker.ts';
import { output, Steps, traces, vmLab, type VmLab } from '../engines/support/vm.ts';

const execute = promisify(execFile);

/** Three boots in software emulation, on a computer that does much else. */
const slow = 15 * 60_000;

const dockerfile = `FROM debian:bookworm
RUN useradd --create-home --shell /bin/bash dev
RUN mkdir -p /opt/cache/deep /opt/hidden && echo of-the-image > /opt/cache/deep/file \\
 && chown -R dev:dev /opt/cache && chmod 0750 /opt/cache && chmod 0600 /opt/cache/deep/file \\
 && echo of-the-image > /opt/hidden/file
`;

/** Of a feature: what runs at each start, and leaves something running. */
const entrypoint = 'echo "$(id -un) $SAMPLE" > /run/sample; sleep 1000 &';

/** Of a hook in the form of a list: no shell is to see them. */
const words = ['a b', "it's", '"', 'two\nlines', ';', '$(id)', '`id`', '$HOME', '\\', '*', '', '--'];

const options = { progress: new Steps(), signal: never };

describe('what the config mounts', () => {
  let lab: VmLab;
  let project: Project;
  let vm: Environment;
  let outside: string;

  beforeAll(async () => {
    lab = await vmLab();
    outside = path.join(lab.folder, "out, side's");
    await mkdir(path.join(outside, 'folder'), { recursive: true });
    await writeFile(path.join(outside, 'folder', 'one'), 'first\n', { mode: 0o640 });
    await writeFile(path.join(outside, 'token'), 'secret\n', { mode: 0o600 });
    project = await lab.project('mounts', {
      build: { dockerfile: 'Dockerfile' },
      features: { './sample': {} },
      remoteUser: 'dev',
      containerEnv: { SAMPLE: "it's $HOME" },
      mounts: [
        { type: 'volume', source: 'cache-${devcontainerId}', target: '/opt/cache' },
        'source=modules,target=${containerWorkspaceFolder}/packages/one/node_modules,type=volume',
        { type: 'bind', source: path.join(outside, 'folder'), target: '/opt/hidden' },
        `"source=${path.join(outside, 'token')}",target=/home/dev/.token,type=bind,readonly`,
        'source=${localWorkspaceFolder}/shared,target=/srv/shared,type=bind',
        'type=tmpfs,target=/opt/memory,tmpfs-size=1m,tmpfs-mode=0700',
        'type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock',
        `type=bind,source=${path.join(lab.folder, 'nowhere')},target=/opt/nowhere`,
      ],
      onCreateCommand: ['sh', '-c', 'printf "%s|" "$@" > ~/words', 'words', ...words],
      postCreateCommand:
        'ls /opt/cache/deep /opt/hidden /srv/shared ~/.token > ~/seen 2>&1; cat /run/sample >> ~/seen',
      customizations: { switchyard: { vm: { cpus: 1, memory: '512mb', disk: '4gb', readySnapshot: true } } },
    });
    const beside = path.join(project.folder, '.devcontainer');
    await writeFile(path.join(beside, 'Dockerfile'), dockerfile);
    await mkdir(path.join(beside, 'sample'));
    const feature = {
      id: 'sample',
      version: '1.0.0',
      name: 'Sample',
      entrypoint: '/usr/local/share/sample-init.sh',
    };
    await writeFile(path.join(beside, 'sample', 'devcontainer-feature.json'), JSON.stringify(feature));
    const install = `#!/bin/sh
printf '%s\\n' '#!/bin/sh' '${entrypoint}' > ${feature.entrypoint}
chmod +x ${feature.entrypoint}
`;
    await writeFile(path.join(beside, 'sample', 'install.sh'), install, { mode: 0o755 });
    await mkdir(path.join(project.folder, 'shared'));
    await writeFile(path.join(project.folder, 'shared', 'file'), 'of the workspace\n');
    await mkdir(path.join(project.folder, 'packages', 'one', 'node_modules'), { recursive: true });
    await writeFile(path.join(project.folder, 'packages', 'one', 'node_modules', 'of-the-host'), '');
    vm = lab.provider.forProject(project);
  });
  afterAll(async () => {
    await vm.destroy(options, { withVolumes: true });
    vm.dispose();
    await lab.end();
  }, slow);

  const inside = async (script: string, user?: string): Promise<string> =>
    output(await vm.connect(never), ['sh', '-c', script], {
      cwd: '/',
      ...(user === undefined ? {} : { user }),
    });
  const workspace = (): string => `/workspaces/${path.basename(project.folder)}`;

  it(
    'is there before the hooks, as in a container; what cannot be is said',
    async () => {
      const { problem, hooks } = await vm.open(options);
      expect(problem).toMatchObject({ code: 'vm.mounts', why: expect.stringContaining('nowhere') as string });
      expect(await hooks).toBeUndefined();
      expect((await vm.details(never)).ignored).toEqual([
        { property: 'mounts: /var/run/docker.sock', reason: expect.any(String) as string },
        { property: 'vm.readySnapshot', reason: expect.stringContaining('volume') as string },
      ]);

      // The image's own files, with their owners and modes, are in the new volume.
      expect(await inside('stat -c "%U %a %n" /opt/cache /opt/cache/deep/file; ls -A /opt/cache')).toBe(
        'dev 750 /opt/cache\ndev 600 /opt/cache/deep/file\ndeep',
      );
      expect(await inside('findmnt -n -o FSTYPE /opt/cache')).toBe('ext4');
      expect(await inside('stat -f -c %T /opt/memory; stat -c %a /opt/memory', 'root')).toBe('tmpfs\n700');

      // Copies hide what the image has there, and belong to whoever works there.
      expect(await inside('ls -A /opt/hidden; stat -c "%U %a" /opt/hidden/one; cat /opt/hidden/one')).toBe(
        'one\ndev 640\nfirst',
      );
      expect(await inside('cat ~/.token; echo more >> ~/.token || echo refused')).toBe('secret\nrefused');
      expect(await inside('cat ~/seen')).toMatch(/\/home\/dev\/\.token\n/);
      expect(await inside('cat ~/words')).toBe(words.map((word) => `${word}|`).join(''));
      expect(await inside('cat ~/seen')).toMatch(/root it's \$HOME$/);
    },
    slow,
  );

  it('within the workspace is not synced, and what is mounted from the workspace is the workspace', async () => {
    const modules = `${workspace()}/packages/one/node_modules`;
    expect(await inside(`ls -A ${modules}; stat -c %U ${workspace()}/packages ${modules}`)).toBe('dev\nroot');
    await inside(`touch ${modules}/of-the-machine && touch /srv/shared/of-the-machine`, 'root');
    await vm.syncNow(options);
    const here = async (...parts: string[]): Promise<string> =>
      (await execute('ls', ['-A', path.join(project.folder, ...parts)])).stdout.trim();
    expect(await here('packages', 'one', 'node_modules')).toBe('of-the-host');
    expect(await here('shared')).toBe('file\nof-the-machine');
  });

  it(
    'is there again after a power-off, and copies are as they are here by then',
    async () => {
      await inside('echo mine > /opt/cache/mine');
      await vm.stop(options);
      await writeFile(path.join(outside, 'folder', 'one'), 'second\n');
      await vm.open(options);
      expect(await inside('cat /opt/cache/mine /opt/hidden/one /srv/shared/file ~/.token')).toBe(
        'mine\nsecond\nof the workspace\nsecret',
      );
      expect(await inside(`ls -A ${workspace()}/packages/one/node_modules`)).toBe('of-the-machine');
      // Written at this boot, before anybody was let in to see it.
      expect(await inside('cat /run/sample')).toBe("root it's $HOME");
      // As root, whom systemd answers also before there is a D-Bus.
      expect(await inside('systemctl show -p ActiveState switchyard-entrypoints', 'root')).toBe(
        'ActiveState=active',
      );
    },
    slow,
  );

  it(
    'keeps the volumes over a rebuild, and over a destroy that does not name them',
    async () => {
      await vm.rebuild(options);
      expect(await inside('cat /opt/cache/mine /opt/cache/deep/file', 'root')).toBe('mine\nof-the-image');
      const volumes = await vm.volumes?.(never);
      expect(volumes).toEqual([expect.stringMatching(/^cache-[a-z0-9]+$/), 'modules']);
      await vm.destroy(options);
      expect(vm.status).toMatchObject({ state: 'absent', keptVolumes: volumes });
      expect(vm.sync?.health).toMatchObject({ state: 'detached', problem: undefined });
      expect(vm.status.capabilities.has('canDestroy')).toBe(true);
      expect((await traces(project.id)).filter((line) => line.startsWith('volume'))).toHaveLength(2);
      await vm.destroy(options, { withVolumes: true });
      expect(await traces(project.id)).toEqual([]);
      expect(vm.status.keptVolumes).toEqual([]);
      expect(vm.status.capabilities.has('canDestroy')).toBe(false);
    },
    slow,
  );
});
