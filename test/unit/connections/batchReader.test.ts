import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BatchReader } from '../../../src/connections/batchReader.ts';

const small = Buffer.alloc(4096, 1);

function source(): Duplex {
  return new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
}

afterEach(() => {
  vi.useRealTimers();
});

describe('reading what the engine sends', () => {
  it('leaves many small chunks to gather for a moment, and loses none', async () => {
    const stream = source();
    let bytes = 0;
    new BatchReader(stream, (chunk) => (bytes += chunk.length));
    let pauses = 0;
    stream.on('pause', () => pauses++);
    for (let index = 0; index < 1000; index++) {
      stream.push(small);
      if (index % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
    }
    stream.push(null);
    await once(stream, 'end');
    expect(bytes).toBe(1000 * small.length);
    expect(pauses).toBeGreaterThan(0);
  });

  it('holds up neither a few bytes nor large chunks', async () => {
    const stream = source();
    const got: number[] = [];
    new BatchReader(stream, (chunk) => got.push(chunk.length));
    stream.resume();
    await new Promise((resolve) => setImmediate(resolve));
    for (const size of [1, 100, 4096, 1 << 16, 1 << 16, 1 << 16]) {
      stream.push(Buffer.alloc(size));
      expect(stream.isPaused()).toBe(false);
    }
    expect(got).toEqual([1, 100, 4096, 1 << 16, 1 << 16, 1 << 16]);
    stream.destroy();
  });

  it('does not hold up a client that waits for each answer, however many there are', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const stream = source();
    let bytes = 0;
    new BatchReader(stream, (chunk) => (bytes += chunk.length));
    stream.resume();
    await new Promise((resolve) => setImmediate(resolve));
    for (let index = 0; index < 100; index++) {
      for (let chunk = 0; chunk < 8; chunk++) stream.push(small);
      expect(stream.isPaused()).toBe(false);
      vi.advanceTimersByTime(4);
    }
    expect(bytes).toBe(800 * small.length);
    stream.destroy();
  });

  it('does not read on for a reader without room', async () => {
    const stream = source();
    const got: number[] = [];
    const reader = new BatchReader(stream, (chunk) => got.push(chunk.length));
    reader.pause();
    stream.push(small);
    await new Promise((resolve) => setImmediate(resolve));
    expect(got).toEqual([]);
    reader.resume();
    await new Promise((resolve) => setImmediate(resolve));
    expect(got).toEqual([small.length]);
    stream.destroy();
  });

  it('ends the stream where what came is wrong', async () => {
    const stream = source();
    new BatchReader(stream, () => {
      throw new RangeError('no frame');
    });
    const failed = once(stream, 'error');
    stream.push(small);
    await expect(failed).resolves.toEqual([new RangeError('no frame')]);
  });
});
