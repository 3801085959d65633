import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quote, quoteAll } from '../../../src/base/shell.ts';

describe('quote', () => {
  it('leaves plain words readable', () => {
    expect(quote('a/b-c_1.txt')).toBe('a/b-c_1.txt');
  });

  it('quotes the empty word', () => {
    expect(quote('')).toBe("''");
  });

  it('refuses NUL, which no shell word can hold', () => {
    expect(() => quote('a\0b')).toThrow(RangeError);
  });

  it('hands every word to the program as it was', () => {
    const word = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
        const printed = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${quoteAll(words)}`]);
        const wanted = Buffer.concat(
          words.map((text) => Buffer.concat([Buffer.from(text), Buffer.from([0])])),
        );
        expect(printed.equals(wanted)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
