import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DockerDemux } from '../../../src/connections/dockerDemux.ts';

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

  it('copies no payload', () => {
    const chunk = frame(1, Buffer.from('payload'));
    let got: Buffer | undefined;
    new DockerDemux(
      (payload) => (got = payload),
      () => undefined,
    ).write(chunk);
    expect(got?.buffer).toBe(chunk.buffer);
  });

  it('refuses what is no frame', () => {
    const nothing = (): void => undefined;
    expect(() => new DockerDemux(nothing, nothing).write(Buffer.from('$ echo hi\r\n'))).toThrow(RangeError);
  });
});
