import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { Baseline } from '../../../src/sync/baseline.ts';
import type { Copy } from '../../../src/sync/copy.ts';
import type { Entry } from '../../../src/sync/entry.ts';
import type { Outcome } from '../../../src/sync/side.ts';
import { TransferBook, type TransferCount, type Trees } from '../../../src/sync/transferBook.ts';

let folder: string;
let baseline: Baseline;
let trees: { -readonly [Side in keyof Trees]: Trees[Side] };
let counted: TransferCount;
let book: TransferBook;

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'switchyard-book-'));
  baseline = await Baseline.load(folder, 'guest', 'boot', silentLogger);
  trees = { host: new Map(), guest: new Map() };
  counted = { files: 0, bytes: 0 };
  book = new TransferBook(trees, baseline, ({ files, bytes }) => {
    counted = { files: counted.files + files, bytes: counted.bytes + bytes };
  });
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A file of three bytes; another `time` makes another print. */
function file(time: number, executable = 0): Entry {
  return { print: `f${executable} 3 ${time} ${time} 7`, target: '', racy: false };
}

function copy(at: string, source: Entry, replaces?: Entry): Copy {
  return { do: 'copy', path: at, to: 'guest', source, replaces };
}

const folderEntry: Entry = { print: 'd', target: '', racy: false };
const refused = (why: Extract<Outcome, { done: false }>['why']): Outcome => ({
  done: false,
  why,
  message: `It is ${why}.`,
});

describe('what came of a transfer', () => {
  it('moves the trees and the baseline with a copy that was acknowledged', () => {
    book.copied(copy('a', file(1)), file(1), 'hash', { done: true, entry: file(2) });
    expect([trees.host.get('a'), trees.guest.get('a')]).toEqual([file(1), file(2)]);
    expect(baseline.entries.get('a')).toMatchObject({
      host: file(1).print,
      guest: file(2).print,
      hash: 'hash',
    });
    expect(book.result.changed).toEqual({ host: 0, guest: 1 });
    expect(counted).toEqual({ files: 1, bytes: 3 });
    book.copied(copy('b', file(1)), file(1), '', { done: true, entry: file(2) }, true);
    expect(counted).toEqual({ files: 2, bytes: 3 });
  });

  it('leaves both as they were where it was refused, and says whether to look again', () => {
    book.copied(copy('a', file(1)), file(1), '', refused('stale'));
    book.copied(copy('b', file(1)), file(1), '', refused('noSpace'));
    expect([...book.result.stale]).toEqual(['a']);
    expect([...book.result.failed]).toEqual([['b', 'It is noSpace.']]);
    expect([...book.result.full]).toEqual(['guest']);
    expect([trees.guest.size, baseline.entries.size, counted.files]).toEqual([0, 0, 0]);
  });

  it('forgets what is removed on both sides, and not the other half of a swap', () => {
    for (const [at, onHost] of [
      ['gone', false],
      ['swapped', true],
    ] as const) {
      book.arrived(at, 'guest', { host: file(1), guest: file(2) });
      if (!onHost) trees.host.delete(at);
      book.removed({ do: 'remove', path: at, on: 'guest', entry: file(2) }, { done: true, entry: undefined });
    }
    expect([...trees.guest.keys()]).toEqual([]);
    expect([...baseline.entries.keys()]).toEqual(['swapped']);
  });

  it('knows a folder that is left for what is in it and not synced', () => {
    book.removed({ do: 'remove', path: 'd', on: 'guest', entry: folderEntry }, refused('notEmpty'));
    expect(baseline.entries.get('d')?.leftOn).toBe('guest');
    expect(book.result.stale.size).toBe(0);
  });

  it('sends no file of which only the times are others', () => {
    book.arrived('a', 'guest', { host: file(1), guest: file(2) }, 'hash');
    const read = (entry: Entry, hash: string) => ({ entry, hash, data: Buffer.from('abc') });
    expect(book.isTouched(copy('a', file(9), file(2)), read(file(9), 'other'))).toBe(false);
    expect(book.isTouched(copy('a', file(9), file(8)), read(file(9), 'hash'))).toBe(false);
    expect(book.isTouched(copy('a', file(9, 1), file(2)), read(file(9, 1), 'hash'))).toBe(false);
    expect(book.isTouched(copy('a', file(9), file(2)), read(file(9), 'hash'))).toBe(true);
    expect(trees.host.get('a')).toEqual(file(9));
    expect(baseline.entries.get('a')).toMatchObject({ host: file(9).print, guest: file(2).print });
  });

  it('holds back what is in a folder, or points at git’s objects, of which something did not go', () => {
    const files = ['d/a', 'e/a'].map((at) => copy(at, file(1)));
    expect(book.inFolders(files)).toEqual(files);
    book.stale('d');
    expect(book.inFolders(files).map((one) => one.path)).toEqual(['e/a']);
    book.stale('.git/objects/aa/bb');
    const pointing = ['.git/HEAD', 'other/.git/HEAD'].map((at) => copy(at, file(1)));
    expect(book.whole(pointing).map((one) => one.path)).toEqual(['other/.git/HEAD']);
    expect([...book.result.stale]).toEqual(['d', 'd/a', '.git/objects/aa/bb', '.git/HEAD']);
  });
});
