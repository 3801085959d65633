import { describe, expect, it } from 'vitest';
import { GitLocks } from '../../../src/sync/gitLocks.ts';

const never = new AbortController().signal;
const entry = { print: 'f0 0 1 1 1', target: '', racy: false };

describe('the locks of git', () => {
  it('are taken out of a tree that was looked at whole, and stand on either side', async () => {
    const locks = new GitLocks();
    const tree = new Map(
      ['.git/index.lock', '.git/index', 'yarn.lock', 'sub/.git/HEAD.lock'].map((path) => [path, entry]),
    );
    await locks.takeFrom('host', tree, never);
    expect([...tree.keys()]).toEqual(['.git/index', 'yarn.lock']);
    locks.note('guest', 'other/.git/index.lock', true);
    expect(locks.folders()).toEqual(new Set(['.git', 'sub/.git', 'other/.git']));
  });

  it('that a later look does not find are gone, of that side alone', async () => {
    const locks = new GitLocks();
    await locks.takeFrom('host', new Map([['.git/index.lock', entry]]), never);
    await locks.takeFrom('guest', new Map([['sub/.git/index.lock', entry]]), never);
    await locks.takeFrom('host', new Map(), never);
    expect(locks.folders()).toEqual(new Set(['sub/.git']));
  });

  it('tell of their going once, where they stood', () => {
    const locks = new GitLocks();
    expect(locks.note('host', '.git/index.lock', false)).toBe(false);
    expect(locks.note('host', '.git/index.lock', true)).toBe(false);
    expect(locks.note('guest', '.git/index.lock', false)).toBe(false);
    expect(locks.note('host', '.git/index.lock', false)).toBe(true);
    expect(locks.note('host', '.git/index.lock', false)).toBe(false);
    expect(locks.folders()).toEqual(new Set());
  });
});
