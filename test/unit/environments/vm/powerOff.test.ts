import { describe, expect, it } from 'vitest';
import { powerOff } from '../../../../src/environments/vm/powerOff.ts';

const never = new AbortController().signal;

describe('powering a machine off', () => {
  it('asks nothing of one that is off', async () => {
    let asks = 0;
    const ask = (): Promise<number> => Promise.resolve((asks += 1));
    expect(await powerOff({ isOff: () => Promise.resolve(true), ask }, 1_000, never)).toBe(true);
    expect(asks).toBe(0);
  });

  it('is content with one that went while it was asked', async () => {
    let isGone = false;
    const ask = (): Promise<never> => {
      isGone = true;
      return Promise.reject(new Error('it is not running'));
    };
    expect(await powerOff({ isOff: () => Promise.resolve(isGone), ask }, 1_000, never)).toBe(true);
  });

  it('passes on why one that runs cannot be asked', async () => {
    const ask = (): Promise<never> => Promise.reject(new Error('no such method'));
    await expect(powerOff({ isOff: () => Promise.resolve(false), ask }, 1_000, never)).rejects.toThrow(
      'no such method',
    );
  });

  it('asks once, and says that it was not heard', async () => {
    let asks = 0;
    const ask = (): Promise<number> => Promise.resolve((asks += 1));
    expect(await powerOff({ isOff: () => Promise.resolve(false), ask }, 600, never)).toBe(false);
    expect(asks).toBe(1);
  });
});
