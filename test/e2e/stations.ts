import { beforeEach, onTestFailed } from 'vitest';

/**
 * Makes the tests of this block stations of one way, each of which begins where the one before ended: those behind
 * one that failed are skipped.
 * @param onFailed takes the pictures that tell why
 */
export function asStations(onFailed: () => Promise<void>): void {
  let broken = false;
  beforeEach((context) => {
    context.skip(broken, 'a station before it failed');
    onTestFailed(async () => {
      broken = true;
      await onFailed();
    });
  });
}
