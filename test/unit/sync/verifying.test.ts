import { describe, expect, it } from 'vitest';
import { Verifying } from '../../../src/sync/verifying.ts';

const paths = (count: number): string[] => Array.from({ length: count }, (_, n) => `file ${n}`);

describe('what is read once more', () => {
  it('is each path once, in steps that grow while they are quick and shrink while they are not', () => {
    const verifying = new Verifying(60_000);
    verifying.begin(paths(100));
    const steps: string[][] = [];
    for (const ms of [1, 1, 50, 50, 50, 50, 50]) {
      const step = verifying.take();
      if (step.length > 0) steps.push(step);
      verifying.pace(ms);
    }
    expect(steps.map((step) => step.length)).toEqual([16, 32, 52]);
    expect(new Set(steps.flat()).size).toBe(100);
    expect(verifying.size).toBe(0);
    // Slow steps brought it back to the least.
    verifying.begin(paths(100));
    expect(verifying.take()).toHaveLength(16);
  });

  it('is looked at ever more rarely where that proves nothing, and soon again where it does', () => {
    const verifying = new Verifying(10_000);
    const waits: number[] = [];
    for (const count of [10, 10, 10, 10, 10, 3]) {
      verifying.begin(paths(count));
      waits.push(verifying.waitMs);
    }
    expect(waits).toEqual([2_500, 5_000, 10_000, 10_000, 10_000, 2_500]);
  });
});
