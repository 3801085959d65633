import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AnswerDecoder,
  maxFrameBytes,
  maxNoiseBytes,
  ProtocolError,
  type Answer,
} from '../../../src/sync/guest/protocol.ts';
import { BadRecord, readRecord, readRecords } from '../../../src/sync/entry.ts';

function frame(id: number, kind: number, fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(
    fields.flatMap((field) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(field.length);
      return [length, field];
    }),
  );
  const head = Buffer.alloc(9);
  head.writeUInt32BE(body.length + 5, 0);
  head.writeUInt32BE(id, 4);
  head.writeUInt8(kind, 8);
  return Buffer.concat([head, body]);
}

const anAnswer = fc.record({
  id: fc.nat(),
  kind: fc.nat(3),
  fields: fc.array(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    { maxLength: 5 },
  ),
});

describe('the decoder of answers', () => {
  it('finds every answer, however the stream is cut and whatever a shell printed before', () => {
    fc.assert(
      fc.property(
        fc.array(anAnswer, { maxLength: 8 }),
        fc.string({ maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }),
        (sent, noise, cuts) => {
          const stream = Buffer.concat([
            Buffer.from(`${noise}greeting-1\n`),
            ...sent.map(({ id, kind, fields }) => frame(id, kind, fields)),
          ]);
          const decoder = new AnswerDecoder('greeting-1');
          const found: Answer[] = [];
          for (let at = 0, n = 0; at < stream.length; n += 1) {
            const size = cuts[n % cuts.length] ?? 1;
            found.push(...decoder.push(stream.subarray(at, at + size)));
            at += size;
          }
          expect(found).toEqual(sent);
        },
      ),
    );
  });

  it('answers garbage with an error or with silence, never with anything else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        const decoder = new AnswerDecoder('g');
        decoder.push(Buffer.from('g\n'));
        try {
          for (const chunk of chunks) decoder.push(Buffer.from(chunk));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  it('takes no frame larger than its bound into memory', () => {
    const decoder = new AnswerDecoder('g');
    const head = Buffer.alloc(4);
    head.writeUInt32BE(maxFrameBytes + 1);
    decoder.push(Buffer.from('g\n'));
    expect(() => decoder.push(head)).toThrow(ProtocolError);
  });

  it('does not wait for a greeting for ever', () => {
    const decoder = new AnswerDecoder('never');
    expect(() => decoder.push(Buffer.alloc(maxNoiseBytes + 1, 'x'))).toThrow(ProtocolError);
  });

  it('refuses a field that is longer than its frame', () => {
    const lying = frame(1, 1, [Buffer.from('abc')]);
    lying.writeUInt32BE(100, 9);
    const decoder = new AnswerDecoder('g');
    decoder.push(Buffer.from('g\n'));
    expect(() => decoder.push(lying)).toThrow(ProtocolError);
  });
});

describe('the records of a scan', () => {
  it('are refused with a path that leads out, or a print that is none', () => {
    for (const path of ['..', '../x', '/etc/passwd', 'a/../../b', '']) {
      expect(() => readRecord('d', path, ''), path).toThrow(BadRecord);
    }
    for (const print of ['', 'x', 'f', 'f1', 'f1 -1 0 0 0', 'f1 1 2 3', 'f2 1 2 3 4', 'd d']) {
      expect(() => readRecord(print, 'a', ''), print).toThrow(BadRecord);
    }
  });

  it('turn a link that leads out into something that is not synced', () => {
    expect(readRecord('l0 4 1 1 1', 'a', '/etc').print).toBe('s');
    expect(readRecord('l0 4 1 1 1', 'a', 'b').print).toBe('l0 4 1 1 1');
  });

  it('are read from any bytes without anything but BadRecord', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          for (const _ of readRecords(Buffer.from(bytes), () => undefined)) expect(_).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(BadRecord);
        }
      }),
    );
  });
});
