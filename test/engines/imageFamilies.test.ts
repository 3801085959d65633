import type Docker from 'dockerode';
import { afterAll, describe, expect, it } from 'vitest';
import { BoxBuilder } from '../../src/environments/vm/image/boxBuilder.ts';
import { runStep, withBuildContainer } from '../../src/environments/vm/image/buildContainer.ts';
import { BuiltImages } from './support/builtImages.ts';
import { never, realEngine } from './support/docker.ts';

const engine = realEngine();
const images = new BuiltImages(engine);

/** An image with these files and nothing else in it. @param base its files come before */
async function imageOf(
  docker: Docker,
  files: Readonly<Record<string, string>>,
  base = 'scratch',
): Promise<string> {
  const context = Object.entries(files).map(([path, content]) => ({
    path: `root${path}`,
    mode: 0o755,
    content,
  }));
  return images.build(docker, `FROM ${base}\nCOPY root /\nCMD ["none"]\n`, context);
}

afterAll(() => images.remove());

async function familyOfImage(files: Readonly<Record<string, string>>): Promise<string> {
  return engine.ask(
    'The family of an image is not known.',
    async (docker) => (await new BoxBuilder(docker).family(await imageOf(docker, files), never)).name,
    { signal: never },
  );
}

const system = { '/bin/sh': 'shell', '/usr/bin/apt-get': 'program' };

describe('the family of an image', () => {
  it('is told by its files, wherever a distribution keeps them', async () => {
    const ubuntu = 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\n';
    expect(await familyOfImage({ ...system, '/etc/os-release': ubuntu })).toBe('debian');
    expect(await familyOfImage({ ...system, '/usr/lib/os-release': 'ID=debian\n' })).toBe('debian');
  });

  it.each([
    ['fedora', { '/usr/lib/os-release': 'ID=fedora\n', '/usr/bin/dnf': 'program' }],
    ['fedora', { '/etc/os-release': 'ID="rhel"\nID_LIKE="fedora"\n', '/usr/bin/microdnf': 'program' }],
    ['alpine', { '/usr/lib/os-release': 'ID=alpine\n', '/sbin/apk': 'program' }],
  ])('is %s also where its package manager is one of several', async (family, files) => {
    expect(await familyOfImage({ '/bin/sh': 'shell', ...files })).toBe(family);
  });

  it.each([
    ['Arch Linux', 'ID=arch\nPRETTY_NAME="Arch Linux"\n'],
    ['openSUSE Tumbleweed', 'ID="opensuse-tumbleweed"\nID_LIKE="suse"\nPRETTY_NAME="openSUSE Tumbleweed"\n'],
  ])('is named where no machine can be made of it: %s', async (name, release) => {
    await expect(familyOfImage({ ...system, '/etc/os-release': release })).rejects.toMatchObject({
      code: 'image.family',
      why: `It is built on ${name}; a machine can be made of Debian, Ubuntu, Fedora and Alpine images.`,
    });
  });

  it.each([
    ['no word of it', /no os-release/, system],
    ['no shell', /no shell/, { '/etc/os-release': 'ID=debian\n', '/usr/bin/apt-get': 'program' }],
    ['no apk', /no \/sbin\/apk/, { '/etc/os-release': 'ID=alpine\n', '/bin/sh': 'shell' }],
    [
      'no package manager',
      /no \/usr\/bin\/apt-get/,
      { '/etc/os-release': 'ID=debian\n', '/bin/sh': 'shell' },
    ],
  ])('is of no use where the image has %s', async (_what, why, files) => {
    await expect(familyOfImage(files)).rejects.toMatchObject({
      code: 'image.family',
      why: expect.stringMatching(why) as string,
    });
  });
});

/** Says what it was called with. */
const speaks = '#!/bin/sh\necho "${0##*/} $*"\n';

/** What the family's script has the package manager do, in a container of such an image. */
async function installed(release: string, manager: string): Promise<string[]> {
  const lines: string[] = [];
  await engine.ask(
    'The packages of a family are not known.',
    async (docker) => {
      const image = await imageOf(
        docker,
        { '/usr/lib/os-release': release, [manager]: speaks },
        'debian:bookworm',
      );
      const { systemScript } = await new BoxBuilder(docker).family(image, never);
      const step = { image, script: systemScript, input: false, scratch: [] };
      await withBuildContainer(docker, step, never, async (container) => {
        const onLine = (line: string): void => void lines.push(line);
        await runStep(container, { what: 'Installing', onLine, signal: never, timeoutMs: 60_000 });
      });
    },
    { signal: never },
  );
  return lines;
}

describe('what is added to an image', () => {
  it.each([
    ['ID=fedora\n', '/usr/bin/dnf', /^dnf install -y .*--allowerasing systemd .*openssh-server/],
    ['ID=rhel\n', '/usr/bin/microdnf', /^microdnf install -y (?!.*allowerasing).*systemd .*openssh-server/],
    ['ID=centos\n', '/usr/bin/yum', /^yum install -y systemd .*openssh-server/],
    ['ID=alpine\n', '/usr/sbin/apk', /^apk add --no-cache openrc openssh-server /],
  ])('is asked of its own package manager: %j with %s', async (release, manager, call) => {
    const lines = await installed(release, manager);
    expect(lines[0]).toMatch(call);
    expect(lines.length).toBeLessThanOrEqual(2);
  });
});
