import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/environments/environment.ts';
import { never } from '../engines/support/docker.ts';
import { output, Steps, vmLab, type VmLab } from '../engines/support/vm.ts';

/** Two boots in software emulation, on a computer that does much else. */
const slow = 15 * 60_000;

const install = 'echo dotfiles >> ~/order; cp .greeting ~/greeting';
const dockerfile = `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --shell /bin/bash dev && mkdir /srv/mine && chown dev: /srv/mine
USER dev
RUN cd /srv/mine && git init --quiet && echo hello > .greeting && echo '${install}' > install.sh \\
 && git add . && git -c user.name=dev -c user.email=dev@example.org commit --quiet --message first
`;

const options = { progress: new Steps(), signal: never };

describe('what a person brings into a machine', () => {
  const asked: string[][] = [];
  let lab: VmLab;
  let vm: Environment;

  beforeAll(async () => {
    lab = await vmLab();
    const project = await lab.project('person', {
      build: { dockerfile: 'Dockerfile' },
      remoteUser: 'dev',
      secrets: { TOKEN: { description: 'For the registry.' }, OTHER: {} },
      postCreateCommand: 'echo postCreate >> ~/order; printf %s "$TOKEN" > ~/token; echo "got $TOKEN"',
      postStartCommand: 'echo postStart >> ~/order',
      waitFor: 'postStartCommand',
      customizations: { switchyard: { vm: { cpus: 1, memory: '512mb', disk: '4gb' } } },
    });
    await writeFile(path.join(project.folder, '.devcontainer', 'Dockerfile'), dockerfile);
    const provider = lab.other({
      dotfiles: () => ({ repository: '/srv/mine', targetPath: '~/mine', installCommand: '' }),
      secrets: (_project, declared) => {
        asked.push(declared.map(({ name }) => name));
        return Promise.resolve({ TOKEN: "it's $secret" });
      },
    });
    vm = provider.forProject(project);
  });
  afterAll(async () => {
    await vm.destroy(options);
    vm.dispose();
    await lab.end();
  }, slow);

  const inside = async (script: string): Promise<string> =>
    output(await vm.connect(never), ['sh', '-c', script], { cwd: '/' });

  it(
    'dotfiles come once, after the hooks of its creation; secrets are there for its hooks, and for nobody else',
    async () => {
      const { hooks } = await vm.open(options);
      expect(await hooks).toBeUndefined();
      expect(await inside('cat ~/order ~/greeting && git -C ~/mine log --format=%s')).toBe(
        'postCreate\ndotfiles\npostStart\nhello\nfirst',
      );
      expect(asked.length).toBeGreaterThan(0);
      expect(asked.every((names) => names.join() === 'TOKEN,OTHER')).toBe(true);
      expect(await inside('cat ~/token; echo ":$TOKEN"')).toBe("it's $secret:");
      expect(options.progress.lines.join('\n')).toContain('got ');
      expect(options.progress.lines.join('\n')).not.toContain("it's $secret");
    },
    slow,
  );

  it(
    'neither is there again after a power-off',
    async () => {
      await vm.stop(options);
      const { hooks } = await vm.open(options);
      expect(await hooks).toBeUndefined();
      expect(await inside('cat ~/order')).toBe('postCreate\ndotfiles\npostStart\npostStart');
    },
    slow,
  );
});
