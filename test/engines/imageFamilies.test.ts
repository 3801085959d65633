import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { afterAll, describe, expect, it } from 'vitest';
import { BoxBuilder } from '../../src/environments/vm/image/boxBuilder.ts';
import { packFiles } from '../../src/environments/vm/image/tar.ts';
import { never, realEngine } from './support/docker.ts';

const engine = realEngine();
const made: string[] = [];

/** An image with these files and nothing else in it; nothing of it is ever run. */
async function imageOf(docker: Docker, files: Readonly<Record<string, string>>): Promise<string> {
  const name = `switchyard-test-${randomUUID()}:latest`;
  made.push(name);
  const context = Object.entries(files).map(([path, content]) => ({
    path: `root${path}`,
    mode: 0o755,
    content,
  }));
  const dockerfile = {
    path: 'Dockerfile',
    mode: 0o644,
    content: 'FROM scratch\nCOPY root /\nCMD ["none"]\n',
  };
  const stream = await docker.buildImage(Readable.from([await packFiles([dockerfile, ...context])]), {
    t: name,
  });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
  return name;
}

afterAll(async () => {
  await engine.ask(
    'The images of the test stay.',
    async (docker) => {
      for (const name of made) await docker.getImage(name).remove({ force: true });
    },
    { signal: never },
  );
});

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
    ['Alpine Linux v3.20', 'ID=alpine\nPRETTY_NAME="Alpine Linux v3.20"\n'],
    ['Fedora Linux 40 (Container Image)', 'ID=fedora\nPRETTY_NAME="Fedora Linux 40 (Container Image)"\n'],
  ])('is named where no machine can be made of it: %s', async (name, release) => {
    await expect(familyOfImage({ ...system, '/etc/os-release': release })).rejects.toMatchObject({
      code: 'image.family',
      why: `It is built on ${name}; a machine can be made of Debian and Ubuntu images.`,
    });
  });

  it.each([
    ['no word of it', /no os-release/, system],
    ['no shell', /no shell/, { '/etc/os-release': 'ID=debian\n', '/usr/bin/apt-get': 'program' }],
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
