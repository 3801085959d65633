import { describe, expect, it } from 'vitest';
import { BadRecord } from '../../../src/sync/entry.ts';
import { dataOf, outcomeOf, wordsOf } from '../../../src/sync/guest/operations.ts';
import type { Operation } from '../../../src/sync/side.ts';

const print = 'f1 3 10 20 7';
const data = Buffer.from('abc');

const operations: readonly (readonly [Operation, readonly string[]])[] = [
  [{ do: 'folder', path: 'a' }, ['folder', 'a', '-', '', '', '']],
  [
    { do: 'file', path: 'a', expect: print, executable: true, content: { data } },
    ['file', 'a', print, '1', 'data', '3'],
  ],
  [
    { do: 'file', path: 'a', expect: '-', executable: false, content: { staged: 'large-1', size: 9 } },
    ['file', 'a', '-', '0', 'large-1', '9'],
  ],
  [{ do: 'link', path: 'a', expect: '-', target: 'b' }, ['link', 'a', '-', 'b', '', '']],
  [{ do: 'mode', path: 'a', expect: print, executable: true }, ['mode', 'a', print, '1', '', '']],
  [{ do: 'remove', path: 'a', expect: print }, ['remove', 'a', print, '', '', '']],
  [{ do: 'move', path: 'a', to: 'b', expect: 'd' }, ['move', 'a', 'd', 'b', '', '']],
];

describe('an operation, as an agent takes it', () => {
  it.each(operations)('%j', (operation, words) => {
    expect(wordsOf(operation)).toEqual(words);
  });

  it('has the content of a whole file along with it, and of nothing else', () => {
    expect(operations.map(([operation]) => dataOf(operation)).filter((one) => one)).toEqual([data]);
  });
});

describe('what an agent says of an operation', () => {
  const move: Operation = { do: 'move', path: 'a', to: 'b', expect: print };
  const message = (why: string): string => `told: ${why}`;

  it('is what its path holds now, which may be changed again at once', () => {
    expect(outcomeOf(move, { status: 'ok', print, target: '' }, message)).toEqual({
      done: true,
      entry: { print, target: '', racy: true },
    });
  });

  it('is nothing where nothing is there', () => {
    const gone = { status: 'ok', print: '', target: '' };
    expect(outcomeOf(move, gone, message)).toEqual({ done: true, entry: undefined });
  });

  it('is why it was refused', () => {
    const refused = { status: 'noSpace', print: 'No space left', target: '' };
    expect(outcomeOf(move, refused, message)).toEqual({
      done: false,
      why: 'noSpace',
      message: 'told: No space left',
    });
  });

  it.each([
    { status: 'fine', print, target: '' },
    { status: '', print: '', target: '' },
    { status: 'ok', print: 'f9 what', target: '' },
  ])('is refused itself where it is none: %j', (said) => {
    expect(() => outcomeOf(move, said, message)).toThrow(BadRecord);
  });
});
