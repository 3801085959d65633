import { expect, test } from 'vitest';
import { duration, wrap } from '../../machine/report.mjs';

test.each([
  [40, '0.0 s'],
  [9_940, '9.9 s'],
  [9_960, '10 s'],
  [59_600, '1 min 0 s'],
  [185_000, '3 min 5 s'],
])('%d ms reads as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('a long text breaks between words', () => {
  expect(wrap('Docker, Vagrant, libvirt', 16)).toEqual(['Docker, Vagrant,', 'libvirt']);
  expect(wrap('a/path/without/any/space here', 8)).toEqual(['a/path/without/any/space', 'here']);
  expect(wrap('', 8)).toEqual(['']);
});
