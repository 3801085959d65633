import { describe, expect, it } from 'vitest';
import type { Usage } from '../../../../src/environments/environment.ts';
import { SteadyFigures } from '../../../../src/ui/tree/steadyFigures.ts';

function usage(cpuPercent: number | undefined, memoryBytes: number | undefined, diskBytes = 50): Usage {
  return {
    cpuPercent,
    cpus: 2,
    memoryBytes,
    memoryLimitBytes: undefined,
    diskBytes,
    diskBaseBytes: undefined,
  };
}

describe('the figures of an environment in the tree', () => {
  it('stand while they hardly differ, for ten seconds', () => {
    const figures = new SteadyFigures();
    const first = usage(2, 100);
    const like = usage(8, 105);
    expect(figures.next('a', first, 0)).toBe(first);
    expect(figures.next('a', like, 2_000)).toBe(first);
    expect(figures.next('a', like, 9_999)).toBe(first);
    expect(figures.next('a', like, 10_000)).toBe(like);
  });

  it.each([
    ['the processors are used more', usage(2, 100), usage(13, 100)],
    ['or less', usage(40, 100), usage(20, 100)],
    ['the memory grew', usage(2, 100), usage(2, 111)],
    ['the disk grew', usage(2, 100, 50), usage(2, 100, 56)],
    ['a figure came to be known', usage(undefined, 100), usage(2, 100)],
    ['or is no longer', usage(2, 100), usage(2, undefined)],
  ])('follow at once where %s', (_, before, after) => {
    const figures = new SteadyFigures();
    figures.next('a', before, 0);
    expect(figures.next('a', after, 1)).toBe(after);
  });

  it('begin anew with what begins anew, each for itself', () => {
    const figures = new SteadyFigures();
    const first = usage(2, 100);
    const other = usage(3, 100);
    figures.next('a', first, 0);
    expect(figures.next('b', other, 1)).toBe(other);
    expect(figures.next('a', undefined, 2)).toBeUndefined();
    expect(figures.next('a', other, 3)).toBe(other);
  });
});
