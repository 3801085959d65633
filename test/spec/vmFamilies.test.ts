import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Project } from '../../src/config/project.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { never } from '../engines/support/docker.ts';
import { alpineLike, fedoraLike } from '../engines/support/families.ts';
import { output, Steps, traces, vmLab, type VmLab } from '../engines/support/vm.ts';

/** A box and two boots in software emulation, on a computer that does much else. */
const slow = 15 * 60_000;

/** What the image brings for mounts. */
const more = 'RUN mkdir -p /opt/cache && echo of-the-image > /opt/cache/file && chown -R dev: /opt/cache\n';

/** A feature whose entrypoint leaves something running. */
const feature = {
  'devcontainer-feature.json': JSON.stringify({
    id: 'sample',
    version: '1.0.0',
    name: 'Sample',
    entrypoint: '/usr/local/share/sample-init.sh',
  }),
  'install.sh': `#!/bin/sh
printf '%s\\n' '#!/bin/sh' 'echo "$(id -un) $GREETING" > /run/sample; sleep 1000 &' > /usr/local/share/sample-init.sh
chmod +x /usr/local/share/sample-init.sh
`,
};

const options = { progress: new Steps(), signal: never };

/** Of each family: what tells that the rest of its system is up, and that the system is what its users expect. */
const families = [
  {
    name: 'alpine',
    dockerfile: alpineLike,
    shell: '/bin/ash',
    up: 'rc-status --runlevel default > /dev/null && [ "$(cat /run/openrc/softlevel 2>/dev/null)" = default ]',
    init: '/usr/bin/busybox',
    service: 'rc-service switchyard-network status',
  },
  {
    name: 'fedora',
    dockerfile: fedoraLike,
    shell: '/bin/bash',
    up: 'systemctl is-active --quiet multi-user.target',
    init: '/usr/lib/systemd/systemd',
    service: 'systemctl is-active switchyard-network.service',
  },
] as const;

describe.each(families)('a machine of an image that is like $name', (family) => {
  let lab: VmLab;
  let project: Project;
  let vm: Environment;

  beforeAll(async () => {
    lab = await vmLab();
    project = await lab.project(family.name, {
      build: { dockerfile: 'Dockerfile' },
      features: { './sample': {} },
      remoteUser: 'dev',
      containerEnv: { GREETING: 'hello from the config' },
      mounts: ['source=cache,target=/opt/cache,type=volume', 'target=/opt/memory,type=tmpfs'],
      postCreateCommand: 'echo postCreate >> ~/order',
      postStartCommand: 'echo postStart >> ~/order',
      waitFor: 'postStartCommand',
      customizations: { switchyard: { vm: { cpus: 1, memory: '512mb', disk: '4gb' } } },
    });
    const beside = path.join(project.folder, '.devcontainer');
    await writeFile(path.join(beside, 'Dockerfile'), family.dockerfile + more);
    await mkdir(path.join(beside, 'sample'));
    for (const [name, content] of Object.entries(feature)) {
      await writeFile(path.join(beside, 'sample', name), content, { mode: 0o755 });
    }
    await writeFile(path.join(project.folder, 'from-host'), 'host\n');
    vm = lab.provider.forProject(project);
  });
  afterAll(async () => {
    await vm.destroy(options, { withVolumes: true }).catch(() => undefined);
    vm.dispose();
    await lab.end();
  }, slow);

  const inside = async (script: string, user?: string): Promise<string> =>
    output(await vm.connect(never), ['sh', '-c', script], { cwd: '/', ...(user ? { user } : {}) });

  /** Waits in the machine itself, for two minutes at most. */
  const untilUp = async (): Promise<string> =>
    inside(`n=0; until ${family.up}; do [ $((n += 1)) -lt 120 ] || exit 1; sleep 1; done; echo up`, 'root');

  it(
    'has the user, the environment, the folder and the hooks of its config',
    async () => {
      const { hooks, problem, workspaceFolder } = await vm.open(options);
      expect(problem).toBeUndefined();
      expect(await hooks).toBeUndefined();
      expect(await inside('id -un; echo "$GREETING"; echo ~; cat ~/order', 'dev')).toBe(
        'dev\nhello from the config\n/home/dev\npostCreate\npostStart',
      );
      expect(
        await inside('readlink -f /proc/1/exe; hostname; grep ^dev: /etc/passwd | cut -d: -f7', 'root'),
      ).toBe(`${family.init}\n${family.name}\n${family.shell}`);
      expect(
        await inside(`cat ${workspaceFolder}/from-host; echo guest > ${workspaceFolder}/from-guest`, 'dev'),
      ).toBe('host');
      // The disk of the config, and not that of the box.
      const blocks = Number(await inside("df -kP / | tail -n 1 | tr -s ' ' | cut -d' ' -f2"));
      expect(blocks).toBeGreaterThan(3.5 * 2 ** 20);
    },
    slow,
  );

  /** The mounts and the entrypoint of this boot. */
  const expectAll = async (): Promise<void> => {
    expect(await inside('cat /opt/cache/file /run/sample')).toBe('of-the-image\nroot hello from the config');
    const mounts = await inside('cut -d" " -f2,3 /proc/mounts');
    expect(mounts).toMatch(/^\/opt\/cache ext4$/m);
    expect(mounts).toMatch(/^\/opt\/memory tmpfs$/m);
  };

  it('has the mounts of its config, and its entrypoint ran', expectAll);

  it('comes up as what it is', async () => {
    expect(await untilUp()).toBe('up');
    await inside(family.service, 'root');
  });

  it(
    'powers off by itself, and is there again with its files',
    async () => {
      await inside('echo kept > ~/kept', 'dev');
      const started = Date.now();
      await vm.stop(options);
      // Well before the plug would be pulled.
      expect(Date.now() - started).toBeLessThan(55_000);
      expect(await readFile(path.join(project.folder, 'from-guest'), 'utf8')).toBe('guest\n');
      const { hooks, problem } = await vm.open(options);
      expect(problem).toBeUndefined();
      expect(await hooks).toBeUndefined();
      expect(await inside('cat ~/kept ~/order', 'dev')).toBe('kept\npostCreate\npostStart\npostStart');
      await expectAll();
      expect(await untilUp()).toBe('up');
    },
    slow,
  );

  it(
    'leaves nothing',
    async () => {
      await vm.destroy(options, { withVolumes: true });
      expect(await traces(project.id)).toEqual([]);
    },
    slow,
  );
});
