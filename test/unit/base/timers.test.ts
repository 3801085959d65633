import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Timers } from '../../../src/base/timers.ts';

describe('timers by name', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('run once, and one of a name at a time', () => {
    const timers = new Timers();
    const ran: string[] = [];
    timers.later('a', 10, () => ran.push('first'));
    timers.later('a', 5, () => ran.push('second'));
    timers.later('b', 20, () => ran.push('other'));
    vi.advanceTimersByTime(100);
    expect(ran).toEqual(['first', 'other']);
    timers.later('a', 5, () => ran.push('again'));
    vi.advanceTimersByTime(5);
    expect(ran).toEqual(['first', 'other', 'again']);
  });

  it('come again and again, until their owner ends', () => {
    const timers = new Timers();
    let count = 0;
    timers.every('a', 10, () => (count += 1));
    vi.advanceTimersByTime(35);
    expect(count).toBe(3);
    timers.dispose();
    timers.later('b', 1, () => (count += 100));
    vi.advanceTimersByTime(100);
    expect(count).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may be set anew by what they run', () => {
    const timers = new Timers();
    const ran: number[] = [];
    timers.later('a', 10, () => {
      ran.push(1);
      timers.later('a', 10, () => ran.push(2));
    });
    vi.advanceTimersByTime(20);
    expect(ran).toEqual([1, 2]);
  });
});
