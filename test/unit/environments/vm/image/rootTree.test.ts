import { describe, expect, it } from 'vitest';
import { parseTree } from '../../../../../src/environments/vm/image/rootTree.ts';

const list = (sums: readonly string[], ...entries: readonly (readonly string[])[]): Buffer =>
  Buffer.from([...sums, '', ...entries.flat(), ''].join('\0'), 'latin1');

const root = ['', 'd', '755', '0', '0', '4096', '5.5', ''];
const a = ['a', 'f', '644', '1', '2', '3', '1795408863.2248461310', ''];

describe('the list of the files of an image', () => {
  it('is read without what the engine put there', () => {
    const hosts = ['etc/hosts', 'l', '777', '0', '0', '4', '1.0', '/x'];
    const link = ['l\n\u00e9', 'l', '777', '0', '0', '4', '1.0', 'to'];
    expect(Object.fromEntries(parseTree(list(['abc  ./a'], root, a, hosts, link)))).toEqual({
      a: { type: 'f', mode: '644', uid: '1', gid: '2', size: 3, mtime: 1795408863, content: 'abc' },
      'l\n\u00e9': { type: 'l', mode: '777', uid: '0', gid: '0', size: 0, mtime: 1, content: 'to' },
    });
  });

  it.each([
    ['between two entries', list(['abc  ./a'], root, a.slice(0, 3)), 'cut off'],
    ['in an entry', list(['abc  ./a'], root, a).subarray(0, -3), 'cut off'],
    ['before the entries', Buffer.from('abc  ./a'), 'cut off'],
    ['before the sums', list([], root, a), 'content of a'],
    ['everywhere', Buffer.alloc(0), 'cut off'],
  ])('counts for nothing where it was cut off %s', (_where, cut, why) => {
    expect(() => parseTree(cut)).toThrow(why);
  });
});
