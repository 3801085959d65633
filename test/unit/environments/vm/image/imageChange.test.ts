import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeBetween, changeOfSystems } from '../../../../../src/environments/vm/image/imageChange.ts';
import type { RootEntry, RootTree } from '../../../../../src/environments/vm/image/rootTree.ts';

function file(content: string, more: Partial<RootEntry> = {}): RootEntry {
  const own = { mode: '644', uid: '0', gid: '0', mtime: 1, size: content.length };
  return { type: 'f', ...own, content, ...more };
}

const folder: RootEntry = { ...file(''), type: 'd', mode: '755', mtime: 0 };
const link = (to: string): RootEntry => ({ ...file(to), type: 'l', size: 0 });

function tree(entries: Readonly<Record<string, RootEntry>>): Map<string, RootEntry> {
  return new Map(Object.entries(entries));
}

const image = tree({
  etc: folder,
  'etc/passwd': file('root'),
  'etc/os-release': file('ID=debian'),
  opt: folder,
  'opt/tool': file('1'),
  'opt/data': folder,
  'opt/data/a': file('a'),
  'opt/data/b': file('b'),
  var: folder,
});
const disk = tree({
  ...Object.fromEntries(image),
  'etc/passwd': file('root sshd'),
  'etc/units': folder,
  'etc/units/sshd': file('unit'),
});

/** The image with these entries instead; undefined takes one away. */
function next(changes: Readonly<Record<string, RootEntry | undefined>>): RootTree {
  const changed = new Map(image);
  for (const [path, entry] of Object.entries(changes)) {
    if (entry) changed.set(path, entry);
    else changed.delete(path);
  }
  return changed;
}

const changeTo = (changes: Readonly<Record<string, RootEntry | undefined>>) =>
  changeBetween(image, disk, next(changes));

describe('what changed in an image', () => {
  it('is nothing where nothing did', () => {
    expect(changeTo({})).toEqual({ written: [], gone: [], bytes: 0 });
  });

  it.each([
    ['new', { 'opt/new': file('new') }, ['opt/new'], []],
    ['of another content', { 'opt/tool': file('2') }, ['opt/tool'], []],
    ['of another mode', { 'opt/tool': file('1', { mode: '755' }) }, ['opt/tool'], []],
    ['of another owner', { 'opt/tool': file('1', { uid: '1000' }) }, ['opt/tool'], []],
    ['of another time', { 'opt/tool': file('1', { mtime: 2 }) }, ['opt/tool'], []],
    ['gone', { 'opt/tool': undefined }, [], ['opt/tool']],
    ['a link now', { 'opt/tool': link('data/a') }, ['opt/tool'], ['opt/tool']],
    [
      'a file in place of a folder',
      { 'opt/data': file('x'), 'opt/data/a': undefined, 'opt/data/b': undefined },
      ['opt/data'],
      ['opt/data'],
    ],
    ['a folder of another mode', { 'opt/data': { ...folder, mode: '700' } }, ['opt/data'], []],
    [
      'a folder, which comes before what lies in it',
      { 'srv/in': file('x'), srv: folder, 'srv-2': file('y') },
      ['srv', 'srv-2', 'srv/in'],
      [],
    ],
  ])('is laid onto the disk where it is %s', (_what, changes, written, gone) => {
    expect(changeTo(changes)).toMatchObject({ written, gone });
  });

  it.each([
    ['what the machine wrote as well', 'etc/passwd', { 'etc/passwd': file('root dev') }],
    ['what the machine has there already', 'etc/units/sshd', { 'etc/units/sshd': file('mine') }],
    ['what the machine added something to', 'etc', { etc: undefined }],
    ['a folder that is a file on the disk', 'etc/passwd/x', { 'etc/passwd/x': file('x') }],
  ])('is not laid onto %s', (_what, path, changes) => {
    expect(changeTo(changes)).toEqual({ path, hindrance: 'touched' });
  });

  it('is overlooked where the machine wrote the same file and only its time is another', () => {
    expect(changeTo({ 'etc/passwd': file('root', { mtime: 7 }) })).toMatchObject({ written: [] });
  });

  it.each(['etc/os-release', 'etc/apt/sources.list', 'etc/init.d/tool', 'lib'])(
    'makes a machine of its own where it is %s',
    (path) => {
      expect(changeTo({ [path]: file('another') })).toEqual({ path, hindrance: 'deciding' });
    },
  );

  it('is not carried into the memory of a machine without a limit', () => {
    const large = file('x', { size: 33 * 2 ** 20 });
    expect(changeTo({ 'opt/large': large })).toEqual({ path: 'opt/large', hindrance: 'large' });
  });

  it('gives the disk what the image has, and leaves all else on it alone', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'a-b');
    const paths = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    const entries = fc.oneof(
      fc.constantFrom('1', '2').map((text) => file(text)),
      fc.constant(folder),
    );
    const trees = fc.array(fc.tuple(paths, entries), { maxLength: 12 }).map(whole);
    fc.assert(
      fc.property(trees, trees, trees, (old, added, wanted) => {
        const made = whole([...old, ...added]);
        const change = changeBetween(old, made, wanted);
        if ('hindrance' in change) return;
        const laid = lay(made, wanted, change);
        for (const path of new Set([...old.keys(), ...made.keys(), ...wanted.keys()])) {
          // Where the machine has its own of it, the image says the same as before.
          const isOurs =
            old.get(path)?.content !== made.get(path)?.content ||
            old.get(path)?.type !== made.get(path)?.type;
          expect([path, laid.get(path)]).toEqual([path, isOurs ? made.get(path) : wanted.get(path)]);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what changed in an image with the packages of a machine', () => {
  const system = tree({ ...Object.fromEntries(image), 'usr/sshd': file('sshd'), 'var/log': file('today') });
  const onDisk = tree({ ...Object.fromEntries(system), 'etc/unit': file('unit') });
  const again = (changes: Readonly<Record<string, RootEntry | undefined>>, wanted: RootTree = image) => {
    const added = tree({ ...Object.fromEntries(wanted) });
    for (const [path, entry] of system) if (!image.has(path)) added.set(path, { ...entry, mtime: 9 });
    for (const [path, entry] of Object.entries(changes)) if (entry) added.set(path, entry);
    return changeOfSystems(system, onDisk, added, { old: image, next: wanted });
  };

  it('is nothing where they were only installed again', () => {
    expect(again({})).toEqual({ written: [], gone: [], bytes: 0 });
  });

  it('is what their installation wrote otherwise, and what changed in the image, with its times', () => {
    const wanted = next({ 'opt/tool': file('1', { mtime: 2 }), 'etc/passwd': file('root dev') });
    const change = again({ 'var/log': file('tomorrow', { mtime: 9 }) }, wanted);
    expect(change).toMatchObject({ written: ['etc/passwd', 'opt/tool', 'var/log'], gone: [] });
  });

  it('may come from elsewhere, for they were installed from there', () => {
    const wanted = next({ 'etc/apt/sources.list': file('another') });
    expect(again({}, wanted)).toMatchObject({ written: ['etc/apt/sources.list'] });
    expect(again({}, next({ 'etc/init.d/x': file('x') }))).toMatchObject({ hindrance: 'deciding' });
    expect(again({}, next({ 'etc/unit': file('x') }))).toMatchObject({ hindrance: 'touched' });
  });
});

/** A tree in which every folder above an entry is one. */
function whole(entries: readonly (readonly [string, RootEntry])[]): Map<string, RootEntry> {
  const made = new Map<string, RootEntry>();
  for (const [path, entry] of entries) {
    const parts = path.split('/');
    const above = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
    for (const one of above) made.set(one, folder);
    if (!(made.get(path)?.type === 'd' && entry.type !== 'd')) made.set(path, entry);
  }
  return made;
}

/** What the initial RAM disk does. */
function lay(
  on: RootTree,
  from: RootTree,
  { written, gone }: { readonly written: readonly string[]; readonly gone: readonly string[] },
): RootTree {
  const laid = new Map(on);
  for (const path of gone) {
    for (const one of on.keys()) if (one === path || one.startsWith(`${path}/`)) laid.delete(one);
  }
  for (const path of written) {
    const entry = from.get(path);
    const inside = path.includes('/') ? laid.get(path.slice(0, path.lastIndexOf('/'))) : folder;
    expect([path, inside?.type]).toEqual([path, 'd']);
    if (entry) laid.set(path, entry);
  }
  return laid;
}
