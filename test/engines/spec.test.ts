import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { base, type SpecFixture } from './spec/fixture.ts';
import { fixtures } from './spec/fixtures.ts';
import { both } from './spec/sides.ts';

const exec = promisify(execFile);

beforeAll(async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'switchyard-spec-base-'));
  await writeFile(
    path.join(folder, 'Dockerfile'),
    [
      'FROM debian:bookworm',
      'RUN useradd --create-home --shell /bin/bash dev && useradd --create-home --shell /bin/sh plain',
      "RUN echo 'export PLAIN=1' >> /home/plain/.profile",
      '',
    ].join('\n'),
  );
  await exec('docker', ['build', '--tag', base, folder]);
  await rm(folder, { recursive: true });
});

afterAll(() => exec('docker', ['rmi', base]));

const all = process.env['SPEC'] === 'all';
const chosen = fixtures.filter(({ always }) => all || always);
/** The CLI builds features under one name for the whole computer, so two builds at a time get mixed up. */
const hasFeatures = ({ config }: SpecFixture): boolean => typeof config !== 'string' && 'features' in config;

describe.concurrent('opened by `devcontainer up` and by us it is the same', () => {
  compare(chosen.filter((fixture) => !hasFeatures(fixture)));
});

describe('with features it is the same', () => {
  compare(chosen.filter(hasFeatures));
});

function compare(some: readonly SpecFixture[]): void {
  // `$name` would be cut short.
  const named = some.map((fixture) => [fixture.name, fixture] as const);
  it.for(named)('%s', async ([, fixture], { expect }) => {
    const { theirs, ours } = await both(fixture);
    const shown = JSON.stringify(theirs);
    for (const text of fixture.shows) expect(shown).toContain(text);
    expect(ours).toEqual(theirs);
  });
}
