import { describe, expect, it } from 'vitest';
import { gather, lend, spend } from '../../../src/connections/readMemory.ts';

const read = (text: string): Buffer => {
  const chunk = Buffer.allocUnsafeSlow(text.length);
  chunk.write(text);
  return chunk;
};

describe('lent memory', () => {
  it('is given back with the last of its bytes, and not sooner', () => {
    const chunk = lend(read('abcdef'));
    const { buffer } = chunk;
    spend(chunk.subarray(0, 2));
    spend(chunk.subarray(4));
    expect(chunk.toString()).toBe('abcdef');
    spend(chunk.subarray(2, 4));
    expect(buffer.byteLength).toBe(0);
  });

  it('is none where a chunk is a part of something else, or nobody lent it', () => {
    const whole = read('abcdef');
    const part = lend(whole.subarray(1, 3));
    spend(part);
    spend(whole);
    expect(whole.toString()).toBe('abcdef');
  });

  it('of chunks that are made one is given back, and the one is lent', () => {
    const [first, second] = [lend(read('ab')), lend(read('cde'))];
    const whole = gather([first, second]);
    expect(whole.toString()).toBe('abcde');
    expect([first.length, second.length]).toEqual([0, 0]);
    spend(whole);
    expect(whole.length).toBe(0);
  });

  it('of one chunk alone stays as it is', () => {
    const only = lend(read('only'));
    expect(gather([only])).toBe(only);
    expect(only.toString()).toBe('only');
  });
});
