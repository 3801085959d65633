import { describe, expect, it } from 'vitest';
import { GatherBuffers } from '../../../src/ssh/proxy/gatherBuffers.ts';

describe('chunks made one', () => {
  it('are the same bytes in their order, whatever their size', () => {
    const buffers = new GatherBuffers();
    expect(buffers.gather([Buffer.from('a'), Buffer.from('bc'), Buffer.from('d')]).toString()).toBe('abcd');
    const large = [Buffer.alloc(40_000, 1), Buffer.alloc(40_000, 2)];
    expect(buffers.gather(large).equals(Buffer.concat(large))).toBe(true);
  });

  it('are in a buffer of before once that is free, and not sooner', () => {
    const buffers = new GatherBuffers();
    const pair = (byte: number): Buffer[] => [Buffer.alloc(10, byte), Buffer.alloc(10, byte)];
    const first = buffers.gather(pair(1));
    const second = buffers.gather(pair(2));
    expect(second.buffer).not.toBe(first.buffer);
    expect(first.equals(Buffer.alloc(20, 1))).toBe(true);
    buffers.free(first);
    expect(buffers.gather(pair(3)).buffer).toBe(first.buffer);
    expect(second.equals(Buffer.alloc(20, 2))).toBe(true);
  });

  it('of one chunk are this chunk, which is never written to', () => {
    const buffers = new GatherBuffers();
    const only = Buffer.from('only');
    expect(buffers.gather([only])).toBe(only);
    buffers.free(only);
    buffers.gather([Buffer.from('x'), Buffer.from('y')]);
    expect(only.toString()).toBe('only');
  });
});
