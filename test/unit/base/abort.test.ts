import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { abortable } from '../../../src/base/abort.ts';

describe('abortable', () => {
  it('answers what the promise does', async () => {
    expect(await abortable(Promise.resolve(1), new AbortController().signal)).toBe(1);
    await expect(abortable(Promise.reject(new Error('no')), new AbortController().signal)).rejects.toThrow(
      'no',
    );
  });

  it('rejects with the reason as soon as the signal fires', async () => {
    const cancel = new AbortController();
    const waiting = abortable(new Promise(() => undefined), cancel.signal);
    cancel.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it('leaves no failure unheard where the signal had fired before', async () => {
    const unheard: unknown[] = [];
    const listen = (reason: unknown): void => void unheard.push(reason);
    process.on('unhandledRejection', listen);
    let fail: (reason: Error) => void = () => undefined;
    const late = new Promise<never>((_resolve, reject) => (fail = reject));
    await expect(abortable(late, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    fail(new Error('late'));
    // Node tells of it after the microtasks of this turn.
    await setImmediate();
    process.off('unhandledRejection', listen);
    expect(unheard).toEqual([]);
  });
});
