import { expect, it } from 'vitest';
import { SharedWatch } from '../../../src/environments/sharedWatch.ts';

it('listens once from the first who looks to the last, and again later', () => {
  const begun: AbortSignal[] = [];
  const watch = new SharedWatch((signal) => {
    begun.push(signal);
    return Promise.resolve();
  });
  expect(watch.signal.aborted).toBe(true);
  const one = watch.begin();
  const other = watch.begin();
  expect(begun).toHaveLength(1);
  one.dispose();
  one.dispose();
  expect(begun[0]?.aborted).toBe(false);
  expect(watch.signal).toBe(begun[0]);
  other.dispose();
  expect(begun[0]?.aborted).toBe(true);
  watch.begin();
  expect(begun).toHaveLength(2);
  watch.dispose();
  expect(begun[1]?.aborted).toBe(true);
});
