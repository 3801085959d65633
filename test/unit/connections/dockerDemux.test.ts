import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DockerDemux } from '../../../src/connections/dockerDemux.ts';
import { lend, spend } from '../../../src/connections/readMemory.ts';

function frame(stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

describe('DockerDemux', () => {
  it('puts both streams together again, wherever the chunks are cut', () => {
    const frames = fc.array(
      fc.record({ stream: fc.constantFrom(0, 1, 2), payload: fc.uint8Array({ maxLength: 40 }) }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, sizes) => {
        const out: Buffer[] = [];
        const err: Buffer[] = [];
        const demux = new DockerDemux(
          (payload) => out.push(payload),
          (payload) => err.push(payload),
        );
        const bytes = Buffer.concat(sent.map(({ stream, payload }) => frame(stream, payload)));
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          demux.write(bytes.subarray(at, at + size));
          at += size;
        }
        const wanted = (isErr: boolean): Buffer =>
          Buffer.concat(sent.filter(({ stream }) => (stream === 2) === isErr).map(({ payload }) => payload));
        expect(Buffer.concat(out).equals(wanted(false))).toBe(true);
        expect(Buffer.concat(err).equals(wanted(true))).toBe(true);
      }),
    );
  });

  it('hands on as one what came of one stream in one chunk, in the memory of the chunk', () => {
    const chunk = Buffer.concat([
      frame(1, Buffer.from('one ')),
      frame(1, Buffer.from('piece')),
      frame(2, Buffer.from('error')),
      frame(1, Buffer.from('more')),
    ]);
    const got: [string, Buffer][] = [];
    new DockerDemux(
      (payload) => got.push(['out', payload]),
      (payload) => got.push(['err', payload]),
    ).write(chunk);
    expect(got.map(([where, payload]) => [where, payload.toString()])).toEqual([
      ['out', 'one piece'],
      ['err', 'error'],
      ['out', 'more'],
    ]);
    for (const [, payload] of got) expect(payload.buffer).toBe(chunk.buffer);
  });

  it('spends the headers, and leaves the rest to whom it is handed', () => {
    const chunk = Buffer.allocUnsafeSlow(8 + 3 + 8 + 4);
    frame(1, Buffer.from('abc')).copy(chunk);
    frame(2, Buffer.from('defg')).copy(chunk, 11);
    lend(chunk);
    const got: Buffer[] = [];
    new DockerDemux(
      (payload) => got.push(payload),
      (payload) => got.push(payload),
    ).write(chunk);
    expect(got.map(String)).toEqual(['abc', 'defg']);
    for (const payload of got) spend(payload);
    expect(chunk.length).toBe(0);
  });

  it('refuses what is no frame', () => {
    const nothing = (): void => undefined;
    expect(() => new DockerDemux(nothing, nothing).write(Buffer.from('$ echo hi\r\n'))).toThrow(RangeError);
  });
});
