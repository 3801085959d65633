import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  nearestBox,
  readBoxRecord,
  writeBoxRecord,
  type BoxRecord,
} from '../../../../../src/environments/vm/image/boxRecord.ts';

describe('the box that is nearest to an image', () => {
  let folder: string;
  const add = async (key: string, record?: BoxRecord): Promise<void> => {
    await mkdir(path.join(folder, key));
    if (record) await writeBoxRecord(path.join(folder, key), record);
  };
  const to = (...layers: string[]) => nearestBox(folder, { recipe: 'now', layers });

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-boxes-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('shares most of its layers from the first on', async () => {
    await add('far', { recipe: 'now', layers: ['a', 'x', 'c'] });
    await add('near', { recipe: 'now', layers: ['a', 'b', 'y'] });
    await add('other', { recipe: 'now', layers: ['z', 'b', 'c'] });
    expect(await to('a', 'b', 'c')).toBe('near');
    expect(await to('a', 'b')).toBe('near');
    expect(await to('q')).toBeUndefined();
  });

  it('has a disk of its own, by the same recipe, with all files in its list', async () => {
    await add('changed', { recipe: 'now', layers: ['a', 'b'], base: 'gone' });
    await add('old', { recipe: 'before', layers: ['a', 'b'] });
    await add('volumes', { recipe: 'now', layers: ['a', 'b'], hasVolumes: true });
    await add('of-an-older-version');
    expect(await to('a', 'b')).toBeUndefined();
    expect(await readBoxRecord(path.join(folder, 'of-an-older-version'))).toBeUndefined();
    await add('good', { recipe: 'now', layers: ['a'] });
    expect(await to('a', 'b')).toBe('good');
    expect(await nearestBox(folder, { recipe: 'now', layers: ['a'], hasVolumes: true })).toBeUndefined();
  });

  it('is none before the first', async () => {
    expect(await nearestBox(path.join(folder, 'none'), { recipe: 'now', layers: ['a'] })).toBeUndefined();
  });
});
