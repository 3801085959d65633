import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { placeOf } from '../../../src/sync/host/hostFiles.ts';
import { HostTrash } from '../../../src/sync/host/hostTrash.ts';

let folder: string;
let trash: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'switchyard-trash-'));
  trash = path.join(folder, 'trash');
  fs.mkdirSync(trash);
  for (const [name, size] of [
    ['1-000001~oldest', 80],
    ['2-000001~older', 10],
  ] as const) {
    fs.writeFileSync(path.join(trash, name), 'x'.repeat(size));
  }
  fs.writeFileSync(path.join(folder, 'new'), 'y'.repeat(50));
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

const held = (): string[] =>
  fs
    .readdirSync(trash)
    .filter((name) => name.includes('~'))
    .map((name) => name.replace(/.*~/, ''))
    .sort();

it.each(['keep', 'take'] as const)('does nothing but %s before what came is counted', (how) => {
  const items = new HostTrash(trash, 100);
  const item = items[how](placeOf(folder, 'new'), 'new', 'replaced');
  // Whatever is done here, somebody else may use the time: the file that replaces it is not yet in place.
  expect(held()).toEqual(['new', 'older', 'oldest']);
  items.count(item);
  expect(held()).toEqual(['new', 'older']);
});

it('counts what comes once', () => {
  const items = new HostTrash(trash, 140);
  items.count(items.take(placeOf(folder, 'new'), 'new', 'deleted'));
  expect(held()).toEqual(['new', 'older', 'oldest']);
});
