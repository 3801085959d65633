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

/** Boots in software emulation, on a computer that does much else. */
const slow = 15 * 60_000;

const plain = `FROM debian:bookworm
RUN useradd --create-home --shell /bin/bash dev && mkdir -p /opt/cache && echo of-the-image > /opt/cache/file
ENV GREETING=image PLACE=image
`;

/** Debian's engine has no Compose of its own; this one is a program by itself. */
const withDocker = `FROM debian:bookworm
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\
    docker.io docker-compose iptables busybox-static && rm -rf /var/lib/apt/lists/*
`;

/** Asks the service for a file of its volume; HTTP/1.0 as busybox and bash have it. */
const ask = 'exec 3<>/dev/tcp/db/80; printf "GET /file HTTP/1.0\\r\\n\\r\\n" >&3; sed "1,/^.\\?$/d" <&3';

const options = { progress: new Steps(), signal: never };

describe('a project with a compose file in a VM', () => {
  let lab: VmLab;
  const opened: { readonly project: Project; readonly vm: Environment }[] = [];

  beforeAll(async () => {
    lab = await vmLab();
  });
  afterAll(async () => {
    for (const { project, vm } of opened) {
      await vm.destroy(options, { withVolumes: true });
      vm.dispose();
      expect(await traces(project.id)).toEqual([]);
      expect(await images(project)).toEqual([]);
    }
    await lab.end();
  }, slow);

  async function images(project: Project): Promise<readonly string[]> {
    const argv = [
      'images',
      '--filter',
      `reference=switchyard-vm-${project.id}*`,
      '--format',
      '{{.Repository}}',
    ];
    const { stdout } = await execute('docker', argv);
    return stdout.split('\n').filter((line) => line !== '');
  }

  async function made(name: string, config: object, files: Readonly<Record<string, string | object>>) {
    const project = await lab.project(name, { dockerComposeFile: 'compose.yaml', service: 'app', ...config });
    for (const [file, content] of Object.entries(files)) {
      const at = path.join(project.folder, '.devcontainer', file);
      await mkdir(path.dirname(at), { recursive: true });
      await writeFile(at, typeof content === 'string' ? content : JSON.stringify(content));
    }
    const vm = lab.provider.forProject(project);
    opened.push({ project, vm });
    return { project, vm };
  }

  it(
    'is made of the image of its service, with its environment, volumes and user; other services are named',
    async () => {
      const { project, vm } = await made(
        'composed',
        {
          dockerComposeFile: ['compose.yaml', 'more.yaml'],
          workspaceFolder: '/workspace',
          remoteEnv: { SEEN: '${containerEnv:GREETING}' },
          postCreateCommand: 'pwd > ~/hooks; cat hello.txt >> ~/hooks',
          waitFor: 'postCreateCommand',
          customizations: { switchyard: { vm: { cpus: 1, memory: '512mb', disk: '4gb' } } },
        },
        {
          Dockerfile: plain,
          'compose.yaml': {
            version: '3.8',
            services: {
              app: {
                build: { context: '.' },
                command: 'sleep infinity',
                user: 'dev',
                environment: { GREETING: 'a$$b' },
                volumes: ['..:/workspace:cached', 'cache:/opt/cache', './part:/srv/part'],
              },
              db: { image: 'switchyard.invalid/db' },
            },
            volumes: { cache: null },
          },
          'more.yaml': { version: '3.8', services: { app: { environment: { MORE: 'more' } } } },
          'part/file': 'of the workspace\n',
          '../hello.txt': 'from the host\n',
        },
      );
      const first = await vm.open(options);
      expect(first.problem).toMatchObject({
        code: 'vm.services',
        what: 'Services of the project do not run in the virtual machine: db.',
        next: 'Add the feature "docker-in-docker" to devcontainer.json, and rebuild.',
      });
      expect(first.workspaceFolder).toBe('/workspace');
      const inside = (script: string): Promise<string> => output(first.connection, ['sh', '-c', script]);
      expect(await inside('id -un; pwd; echo "$GREETING $PLACE $MORE $SEEN"; cat ~/hooks')).toBe(
        'dev\n/workspace\na$b image more a$b\n/workspace\nfrom the host',
      );
      expect(await inside('cat /opt/cache/file /srv/part/file; findmnt -n -o FSTYPE /opt/cache')).toBe(
        'of-the-image\nof the workspace\next4',
      );
      expect((await vm.details(never)).ignored).toEqual([
        { property: 'services: db', reason: expect.stringContaining('the image has none') as string },
      ]);
      expect((await images(project)).length).toBeGreaterThan(0);

      // It is said once; after that the tree says it.
      await vm.stop(options);
      expect((await vm.open(options)).problem).toBeUndefined();

      expect((await vm.refresh(never)).drifted).toBe(false);
      await writeFile(path.join(project.folder, '.devcontainer', 'more.yaml'), '{"version": "3.8"}');
      expect((await vm.refresh(never)).drifted).toBe(true);
    },
    slow,
  );

  it(
    'runs its other services in its own engine, by their names, at each start',
    async () => {
      const { project, vm } = await made(
        'composed-inside',
        {
          workspaceFolder: '/workspace',
          postStartCommand: `bash -c '${ask}' > ~/answer`,
          waitFor: 'postStartCommand',
          customizations: { switchyard: { vm: { cpus: 2, memory: '1gb', disk: '6gb' } } },
        },
        {
          Dockerfile: withDocker,
          'compose.yaml': {
            version: '3.8',
            services: {
              app: { build: { context: '.' }, volumes: ['..:/workspace'], depends_on: ['db'] },
              db: { build: { context: 'db' }, volumes: ['./db/data:/data:ro'], restart: 'unless-stopped' },
            },
          },
          'db/Dockerfile': `FROM scratch
COPY busybox /busybox
CMD ["/busybox", "httpd", "-f", "-p", "80", "-h", "/data"]
`,
          'db/data/file': 'of the workspace\n',
        },
      );
      const beside = path.join(project.folder, '.devcontainer');
      await execute('docker', ['build', '-q', '-t', `switchyard-vm-${project.id}:base`, '.'], {
        cwd: beside,
      });
      await execute('sh', [
        '-c',
        `docker run --rm switchyard-vm-${project.id}:base cat /bin/busybox > "$1" && chmod +x "$1"`,
        'sh',
        path.join(beside, 'db', 'busybox'),
      ]);
      const first = await vm.open(options);
      expect(first.problem).toBeUndefined();
      expect(await output(first.connection, ['cat', '/root/answer'])).toBe('of the workspace');
      expect((await vm.details(never)).ignored).toEqual([]);

      await vm.stop(options);
      await writeFile(path.join(beside, 'db', 'data', 'file'), 'changed\n');
      const again = await vm.open(options);
      expect(again.problem).toBeUndefined();
      expect(await output(again.connection, ['cat', '/root/answer'])).toBe('changed');
    },
    slow,
  );
});
