import { describe, expect, it } from 'vitest';
import {
  compactBytes,
  compactDuration,
  compactPercent,
  formatAge,
  formatBytes,
  formatClock,
  formatDuration,
  formatPercent,
} from '../../../src/base/format.ts';

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [85.4, '85 ms'],
    [99.6, '0.1 s'],
    [440, '0.4 s'],
    [12_340, '12.3 s'],
    [59_949, '59.9 s'],
    [59_950, '1 min 00 s'],
    [125_000, '2 min 05 s'],
  ])('says %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('formatAge', () => {
  it.each([
    [-5, '0 s'],
    [12_000, '12 s'],
    [38 * 60_000, '38 min'],
    [(5 * 60 + 12) * 60_000, '5 h 12 min'],
    [(3 * 24 + 4) * 3_600_000, '3 d 4 h'],
  ])('says %d ms as %s', (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KB'],
    [1024, '1 KB'],
    [84 * 1024 ** 2, '84 MB'],
    [1.5 * 1024 ** 3, '1.5 GB'],
    [999.6 * 1024 ** 2, '1.0 GB'],
    [4 * 1024 ** 3, '4 GB'],
    [2048 * 1024 ** 4, '2048 TB'],
  ])('says %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('formatPercent', () => {
  it.each([
    [0, '0 %'],
    [0.42, '0.4 %'],
    [0.97, '1 %'],
    [2.4, '2 %'],
    [99.9, '100 %'],
  ])('says %d as %s', (percent, text) => {
    expect(formatPercent(percent)).toBe(text);
  });
});

describe('formatClock', () => {
  it('leaves the date out today and names it on another day', () => {
    const now = new Date(2026, 5, 12, 15, 0);
    expect(formatClock(new Date(2026, 5, 12, 14, 2), now)).toBe('14:02');
    expect(formatClock(new Date(2026, 5, 11, 14, 2), now)).toMatch(/11.* 14:02|.*11 14:02/);
  });
});

describe('the same figures in a narrow row', () => {
  it.each([
    [85.4, '85ms'],
    [7_740, '7.7s'],
    [12_340, '12s'],
    [386_000, '6min'],
  ])('says %d ms as %s', (ms, text) => {
    expect(compactDuration(ms)).toBe(text);
  });

  it('has no space before the unit and no digit more than needed', () => {
    expect(compactBytes(1.5 * 1024 ** 3)).toBe('1.5GB');
    expect(compactPercent(0.4)).toBe('0%');
  });
});
