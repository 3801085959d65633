import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../src/sync/entry.ts';
import { freshObjects } from '../../../src/sync/gitObjects.ts';
import { PathRules, type Rule } from '../../../src/sync/patterns.ts';
import type { Action } from '../../../src/sync/reconcile.ts';
import type { Side } from '../../../src/sync/side.ts';

const signal = new AbortController().signal;
const entry = (n: number): Entry => ({ print: `f0 1 ${n} ${n} ${n}`, target: '', racy: false });
const folder: Entry = { print: 'd', target: '', racy: false };
const copy = (path: string): Action => ({
  do: 'copy',
  path,
  to: 'guest',
  source: entry(9),
  replaces: undefined,
});

/** A side that holds these, and lists what the rules leave. */
function holding(paths: Readonly<Record<string, Entry>>): Side & { scans: number } {
  const side = {
    scans: 0,
    scan: (rules: readonly Rule[]) => {
      side.scans += 1;
      const tests = PathRules.of(rules);
      const left = Object.entries(paths).filter(([path, { print }]) => !tests.covers(path, print === 'd'));
      return Promise.resolve({ entries: new Map(left) });
    },
  };
  return side as unknown as Side & { scans: number };
}

describe('what points at git’s objects', () => {
  const repository = {
    '.git': folder,
    '.git/HEAD': entry(1),
    '.git/objects': folder,
    '.git/objects/ab': folder,
    '.git/objects/ab/old': entry(2),
    '.git/objects/ab/unsent': entry(3),
    '.git/objects/cd': folder,
    '.git/objects/cd/new': entry(4),
    src: folder,
    'src/a.txt': entry(5),
  };

  it('goes only after the objects were listed once more', async () => {
    const host = holding(repository);
    const known = Object.entries(repository).filter(([path]) => !path.startsWith('.git/objects/cd'));
    const trees = { host: new Map(known), guest: new Map<string, Entry>() };
    const baseline = {
      entries: new Map([
        ['.git/objects/ab/old', {}],
        ['.git/objects', {}],
        ['.git/objects/ab', {}],
      ]),
    };
    const parts = { sides: { host, guest: holding({}) }, trees, rules: [], baseline: baseline as never };
    const found = await freshObjects([copy('.git/refs/heads/main')], parts, signal);
    expect([...found].sort()).toEqual(['.git/objects/ab/unsent', '.git/objects/cd', '.git/objects/cd/new']);
    expect(trees.host.get('.git/objects/cd/new')).toEqual(entry(4));
  });

  it('costs no look where nothing of git changes', async () => {
    const host = holding(repository);
    const trees = { host: new Map<string, Entry>(), guest: new Map<string, Entry>() };
    const parts = {
      sides: { host, guest: holding({}) },
      trees,
      rules: [],
      baseline: { entries: new Map() } as never,
    };
    expect(await freshObjects([copy('src/a.txt'), copy('.git/objects/cd/new')], parts, signal)).toEqual(
      new Set(),
    );
    expect(host.scans).toBe(0);
  });
});
