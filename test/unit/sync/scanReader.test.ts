import { describe, expect, it } from 'vitest';
import { trustedRecord, writeRecord, type Entry } from '../../../src/sync/entry.ts';
import { ScanReader } from '../../../src/sync/scanReader.ts';

const never = new AbortController().signal;

function entry(size: number, more: Partial<Entry> = {}): Entry {
  return { print: `f0 ${size} 1 1 ${size}`, target: '', racy: false, ...more };
}

async function read(
  found: readonly (readonly [string, Entry])[],
  known: ReadonlyMap<string, Entry>,
): Promise<Map<string, Entry>> {
  const reader = new ScanReader(trustedRecord, known, never);
  for (const [at, one] of found) reader.take(Buffer.from(writeRecord(at, one), 'latin1'));
  return reader.end(found.length);
}

describe('a scan after another one', () => {
  const known = new Map([
    ['a', entry(1)],
    ['b', entry(2)],
    ['c', entry(3, { print: 'l0 3 1 1 3', target: 'a' })],
    ['d', entry(4)],
  ]);

  it('gives the very entries that are known where they are as they were', async () => {
    const again = await read([...known], known);
    expect([...again.keys()]).toEqual(['a', 'b', 'c', 'd']);
    for (const [at, one] of known) expect(again.get(at)).toBe(one);
  });

  it.each<[string, Entry]>([
    ['b', entry(20)],
    ['b', entry(2, { racy: true })],
    ['c', entry(3, { print: 'l0 3 1 1 3', target: 'b' })],
  ])('gives what stands at %s now', async (at, now) => {
    const changed = new Map([...known, [at, now]]);
    expect(await read([...changed], known)).toEqual(changed);
  });

  it('gives what is there and nothing else, in whatever order it comes', async () => {
    const now = new Map([
      ['d', entry(4)],
      ['new', entry(9)],
      ['a', entry(1)],
      ['c', entry(30)],
    ]);
    expect([...(await read([...now], known))]).toEqual([...now]);
  });
});
