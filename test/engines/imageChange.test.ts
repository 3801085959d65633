import type Docker from 'dockerode';
import { afterAll, describe, expect, it } from 'vitest';
import { silentProgress } from '../../src/base/progress.ts';
import { BoxBuilder } from '../../src/environments/vm/image/boxBuilder.ts';
import { builderTag, removeOldBuilders } from '../../src/environments/vm/image/builderImage.ts';
import { asReadable, runStep, withBuildContainer } from '../../src/environments/vm/image/buildContainer.ts';
import { changeBetween } from '../../src/environments/vm/image/imageChange.ts';
import { listFunction, parseTree, type RootTree } from '../../src/environments/vm/image/rootTree.ts';
import { firstFile, packFiles } from '../../src/environments/vm/image/tar.ts';
import { BuiltImages } from './support/builtImages.ts';
import { never, realEngine } from './support/docker.ts';

const engine = realEngine();
const images = new BuiltImages(engine);
const options = { progress: silentProgress, signal: never };

/** Many of the ways in which two images can differ; `\\351` is no UTF-8. */
const before = String.raw`FROM debian:bookworm
RUN mkdir -p /opt/kept /opt/folder/deep /opt/becomes-link && cd /opt \
 && echo same > same && echo 1 > content && echo mode > mode && echo owner > owner && echo gone > gone \
 && echo deep > folder/deep/file && echo x > becomes-folder && echo x > becomes-link/file \
 && echo linked > hard && ln hard harder && ln -s same link && mkfifo -m 600 pipe
`;
const after = String.raw`FROM debian:bookworm
RUN mkdir -p /opt/kept /opt/becomes-folder && cd /opt \
 && echo same > same && echo 2 > content && echo mode > mode && chmod 4750 mode && echo owner > owner \
 && chown 1000:1000 owner && echo in > becomes-folder/file && ln -s kept becomes-link \
 && echo linked-anew > hard && ln hard harder && ln -s content link && mkfifo -m 644 pipe \
 && chmod 1777 kept && printf 'a\nb' > "$(printf 'two\nlines')" && echo x > "$(printf 'latin\351')" \
 && echo x > -n && echo ' ' > ' ' && truncate -s 3M sparse && mknod null c 1 3 \
 && mkdir -m 700 new && chown 7:8 new && echo new > new/file && touch -d @1000000000 new/old
`;

afterAll(() => images.remove());

/** What the initial RAM disk's program does, on the unpacked files of an image. @returns them afterwards, twice laid */
async function laidOn(docker: Docker, image: string, change: Buffer): Promise<RootTree> {
  const script = String.raw`
set -eu
mkdir -p /work/root
tar -x -f - -C /work/root --numeric-owner --same-owner --same-permissions
mkdir -p /work/root/etc/switchyard
rm -rf /root && ln -s /work/root /root
cd / && cpio --quiet -i -d < /change.img
bb=/switchyard/busybox
. /change/lay
# A power cut came before its end: it is done again.
rm /root/etc/switchyard/change
. /change/lay
test "$(cat /root/etc/switchyard/change)" = the-key
# From then on the disk is left alone.
rm /change/written.tar
. /change/lay
rm -rf /work/root/etc/switchyard
find=find xargs=xargs b2sum=b2sum
${listFunction}
list /work/root /list
`;
  const step = { image: builderTag, script, input: true, scratch: ['/work'] };
  return withBuildContainer(docker, step, never, async (container) => {
    const packed = await packFiles([{ path: 'change.img', mode: 0o644, content: change }]);
    await container.putArchive(packed, { path: '/' });
    const source = await docker.createContainer({ Image: image, Cmd: ['none'] });
    const lines: string[] = [];
    try {
      const input = asReadable(await source.export());
      const onLine = (line: string): void => void lines.push(line);
      await runStep(container, { what: 'Laying', input, onLine, signal: never, timeoutMs: 120_000 });
    } finally {
      await source.remove({ force: true });
    }
    expect(lines).toEqual([]);
    const list = await firstFile(asReadable(await container.getArchive({ path: '/list' })));
    return parseTree(list ?? Buffer.alloc(0));
  });
}

describe('what changed between two images', () => {
  it('makes the files of the one those of the other', async () => {
    await engine.ask(
      'The images of the test cannot be compared.',
      async (docker) => {
        const builder = new BoxBuilder(docker);
        const [from, to] = [await images.build(docker, before), await images.build(docker, after)];
        const old = await builder.open(from, options, ({ list }) => Promise.resolve(parseTree(list)));
        const { next, packed, written } = await builder.open(to, options, async ({ list, pack }) => {
          const next = parseTree(list);
          const change = changeBetween(old, old, next);
          if ('hindrance' in change) throw new Error(change.hindrance);
          return { next, packed: await pack(change, 'the-key'), written: change.written };
        });
        // The rest of a whole Debian is the same.
        expect(written.filter((path) => !path.startsWith('opt/'))).toEqual([]);
        expect(written).toContain('opt/latin\u00e9');
        expect(written).toContain('opt/two\nlines');
        const laid = await laidOn(docker, from, packed);
        expect(Object.fromEntries(laid)).toEqual(Object.fromEntries(next));
      },
      { signal: never, timeoutMs: 280_000 },
    );
  });
});

describe('the builder image', () => {
  it('is the only one of its kind after another version was made', async () => {
    await engine.ask(
      'The builder images of the test cannot be made.',
      async (docker) => {
        await new BoxBuilder(docker).open('debian:bookworm', options, () => Promise.resolve());
        await docker.getImage('debian:bookworm').tag({ repo: 'switchyard-box-builder', tag: 'of-the-test' });
        await removeOldBuilders(docker, never);
        const filters = JSON.stringify({ reference: ['switchyard-box-builder'] });
        const left = await docker.listImages({ filters });
        expect(left.flatMap(({ RepoTags }) => RepoTags)).toEqual([builderTag]);
      },
      { signal: never, timeoutMs: 280_000 },
    );
  });
});
