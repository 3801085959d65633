import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findConfigs } from '../../../src/config/find.ts';
import { projectId } from '../../../src/config/project.ts';

describe('findConfigs', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "it's $HOME ü "));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function put(label: string): Promise<void> {
    const file = path.join(folder, label);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, '{}');
  }

  it('finds all three places in the order of the spec', async () => {
    await put('.devcontainer/python/devcontainer.json');
    await put('.devcontainer/go/devcontainer.json');
    await put('.devcontainer.json');
    await put('.devcontainer/devcontainer.json');
    await put('.devcontainer/go/deeper/devcontainer.json');
    await put('.devcontainer/Dockerfile');
    const found = await findConfigs(folder);
    expect(found.map(({ label }) => label)).toEqual([
      '.devcontainer/devcontainer.json',
      '.devcontainer.json',
      '.devcontainer/go/devcontainer.json',
      '.devcontainer/python/devcontainer.json',
    ]);
    expect(found[2]?.file).toBe(path.join(folder, '.devcontainer', 'go', 'devcontainer.json'));
  });

  it('finds nothing where nothing is, or something else has the name', async () => {
    expect(await findConfigs(folder)).toEqual([]);
    await mkdir(path.join(folder, '.devcontainer.json'));
    await writeFile(path.join(folder, '.devcontainer'), '');
    expect(await findConfigs(folder)).toEqual([]);
  });
});

describe('projectId', () => {
  it('tells folders of the same name apart and is stable', () => {
    expect(projectId('/home/a/api')).toMatch(/^[0-9a-f]{12}$/);
    expect(projectId('/home/a/api')).not.toBe(projectId('/home/b/api'));
    expect(projectId('/home/a/api')).toBe(projectId('/home/a/api'));
  });
});
