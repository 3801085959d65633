import { describe, expect, it } from 'vitest';
import { isCancellation } from '../../../src/base/errors.ts';
import { OperationQueue } from '../../../src/environments/operationQueue.ts';

const never = new AbortController().signal;

/** A promise that the test settles. */
function gate(): { promise: Promise<void>; open: () => void } {
  let open!: () => void;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

describe('OperationQueue', () => {
  it('runs one at a time, in the order asked for', async () => {
    const queue = new OperationQueue();
    const events: string[] = [];
    const first = gate();
    const note = (event: string) => (): Promise<void> => {
      events.push(event);
      return Promise.resolve();
    };
    const runs = [
      queue.run(async () => {
        events.push('1 begins');
        await first.promise;
        events.push('1 ends');
      }, never),
      queue.run(note('2'), never),
      queue.run(note('3'), never),
    ];
    expect(queue.isBusy).toBe(true);
    first.open();
    await Promise.all(runs);
    expect(events).toEqual(['1 begins', '1 ends', '2', '3']);
    expect(queue.isBusy).toBe(false);
  });

  it('hands results and failures to who asked, and goes on after a failure', async () => {
    const queue = new OperationQueue();
    const failed = queue.run(() => Promise.reject(new Error('no')), never);
    const fine = queue.run(() => Promise.resolve(42), never);
    await expect(failed).rejects.toThrow('no');
    expect(await fine).toBe(42);
  });

  it('lets one that is cancelled while it waits go at once, and keeps the order of the others', async () => {
    const queue = new OperationQueue();
    const events: string[] = [];
    const note = (event: string) => (): Promise<void> => {
      events.push(event);
      return Promise.resolve();
    };
    const first = gate();
    const running = queue.run(() => first.promise, never);
    const cancel = new AbortController();
    const cancelled = queue.run(note('cancelled'), cancel.signal);
    const last = queue.run(note('last'), never);
    cancel.abort();
    await expect(cancelled).rejects.toSatisfy(isCancellation);
    expect(events).toEqual([]);
    first.open();
    await Promise.all([running, last]);
    expect(events).toEqual(['last']);
  });

  it('does not begin with a signal that has fired', async () => {
    const queue = new OperationQueue();
    await expect(queue.run(() => Promise.resolve(1), AbortSignal.abort())).rejects.toSatisfy(isCancellation);
    expect(await queue.run(() => Promise.resolve(2), never)).toBe(2);
  });

  it('cancels what runs and what waits at its end', async () => {
    const queue = new OperationQueue();
    const began = gate();
    const running = queue.run((signal) => {
      began.open();
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    }, never);
    const waiting = queue.run(() => Promise.resolve(1), never);
    await began.promise;
    queue.dispose();
    await expect(running).rejects.toSatisfy(isCancellation);
    await expect(waiting).rejects.toSatisfy(isCancellation);
    await expect(queue.run(() => Promise.resolve(1), never)).rejects.toSatisfy(isCancellation);
  });
});
