import { beforeEach, describe, expect, it } from 'vitest';
import { Moves } from '../../../../src/ui/remote/moves.ts';

describe("a window's way from one environment to another", () => {
  const kept = new Map<string, unknown>();
  const memory = {
    get: (key: string) => kept.get(key),
    update: (key: string, value: unknown) => Promise.resolve(void kept.set(key, value)),
  };
  let now = 0;
  beforeEach(() => kept.clear());
  /** The window that leaves and the one that arrives share the memory only. */
  const window = (): Moves => new Moves(memory, () => now);

  it('tells the window that arrives what it came from, once', async () => {
    await window().begin('api', 'vm', 'container');
    expect(await window().arrive('api', 'container')).toBe('vm');
    expect(await window().arrive('api', 'container')).toBeUndefined();
  });

  it('is not that of a window of another project, or in another place', async () => {
    await window().begin('api', 'vm', 'container');
    expect(await window().arrive('web', 'container')).toBeUndefined();
    expect(await window().arrive('api', 'host')).toBeUndefined();
    expect(await window().arrive('api', 'container')).toBe('vm');
  });

  it('is over after a while: whoever comes then came by themselves', async () => {
    await window().begin('api', 'vm', 'container');
    now += 6 * 60_000;
    expect(await window().arrive('api', 'container')).toBeUndefined();
  });
});
