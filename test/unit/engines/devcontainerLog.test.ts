import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { DevcontainerLog, type BuiltImage } from '../../../src/engines/devcontainerLog.ts';

/** What a log of these texts tells of images; each text arrives as the CLI passes on what a program printed. */
function imagesOf(...texts: readonly string[]): BuiltImage[] {
  const images: BuiltImage[] = [];
  const log = new DevcontainerLog(silentProgress, silentLogger, (image) => images.push(image));
  for (const text of texts) log.read(JSON.stringify({ type: 'raw', level: 2, text }));
  log.end();
  return images;
}

describe('the images that a build came to', () => {
  it('are the steps of the classic builder, new and from its cache, but what a stage begins with', () => {
    const images = imagesOf(
      'Step 1/5 : ARG BASE=scratch\nStep 2/5 : FROM debian:bookworm AS tools\n ---> 9af56241dd28\n',
      // Docker's output arrives in pieces that end anywhere.
      'Step 3/5 : RUN make\n ---> Using cache\n ---> a0ed7f',
      '2cf738\nStep 4/5 : from $BASE\n ---> 60cdda410f2b\nStep 5/5 : USER root\n ---> Running in 8ea22fd1c7d1\n',
      'Removing intermediate container 8ea22fd1c7d1\n ---> 86a7711d4879\nSuccessfully built 86a7711d4879\n',
    );
    expect(images).toEqual([
      { id: 'a0ed7f2cf738', by: 'step' },
      { id: '86a7711d4879', by: 'step' },
    ]);
  });

  it('are what BuildKit gives the engine, whichever its store of images', () => {
    const [one, other, third] = ['1', '2', '3'].map((digit) => `sha256:${digit.repeat(64)}`);
    const images = imagesOf(
      `#3 [1/2] FROM docker.io/library/debian:bookworm@sha256:${'9'.repeat(64)}\n#3 CACHED\n#5 exporting to image\n`,
      `#5 exporting layers 0.1s done\n#5 writing image ${one} done\n#5 naming to docker.io/library/x done\n`,
      `#7 exporting manifest ${other} 0.0s done\n#7 exporting config sha256:${'8'.repeat(64)} done\n`,
      `#7 exporting manifest list ${third} done\n`,
    );
    expect(images).toEqual([one, other, third].map((id) => ({ id, by: 'export' })));
  });
});
