import { describe, expect, it } from 'vitest';
import type { Base } from '../../../src/sync/baseline.ts';
import type { Entry } from '../../../src/sync/entry.ts';
import { reconcile, type Plan, type ReconcileInput } from '../../../src/sync/reconcile.ts';

/** A file of three bytes; another `time` makes another print. */
function file(time: number, racy = false): Entry {
  return { print: `f0 3 ${time} ${time} 7`, target: '', racy };
}

function plan(input: Partial<ReconcileInput>): Plan {
  const work = reconcile({
    baseline: new Map(),
    host: new Map(),
    guest: new Map(),
    hostHashes: new Map(),
    guestHashes: new Map(),
    trustsPrints: false,
    isProtected: () => false,
    ...input,
  });
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** As a stream of tar leaves it: the guest's was written a moment ago, and nobody hashed it. */
const sent: Base = {
  ...{ host: file(1).print, guest: file(2).print, hash: '', target: '' },
  ...{ hostRacy: false, guestRacy: true, leftOn: undefined },
};
const baseline = new Map([['a', sent]]);
const guest = new Map([['a', file(2, true)]]);

describe('what was sent just now, and not verified yet', () => {
  it('is compared by content', () => {
    const { unsure, actions } = plan({ baseline, host: new Map([['a', file(1)]]), guest });
    expect(unsure).toEqual({ host: ['a'], guest: ['a'] });
    expect(actions).toEqual([]);
  });

  it('is left for later where prints are to be trusted', () => {
    const { unsure, actions, agreed } = plan({
      ...{ baseline, host: new Map([['a', file(1)]]), guest },
      trustsPrints: true,
    });
    expect([unsure, actions, agreed]).toEqual([{ host: [], guest: [] }, [], new Map()]);
  });

  it('is no conflict where one side changes it', () => {
    const longer: Entry = { print: 'f0 4 9 9 7', target: '', racy: true };
    expect(plan({ baseline, host: new Map([['a', longer]]), guest }).actions).toMatchObject([
      { do: 'copy', path: 'a', to: 'guest' },
    ]);
    const host = new Map([['a', file(1)]]);
    expect(plan({ baseline, host, guest: new Map([['a', longer]]) }).actions).toMatchObject([
      { do: 'copy', path: 'a', to: 'host' },
    ]);
    const hashes = { hostHashes: new Map([['a', 'x']]), guestHashes: new Map([['a', 'y']]) };
    expect(plan({ baseline, host: new Map([['a', file(9)]]), guest, ...hashes }).actions).toMatchObject([
      { do: 'copy', path: 'a', to: 'guest' },
    ]);
  });

  it('is deleted where one side deletes it', () => {
    expect(plan({ baseline, guest }).actions).toMatchObject([{ do: 'remove', path: 'a', on: 'guest' }]);
  });
});

describe('a file that one side wrote again, as long as before', () => {
  const agreed: Base = { ...sent, hash: 'x', guestRacy: false };
  const [before, after] = [new Map([['a', file(1)]]), new Map([['a', file(9)]])];
  const theirs = new Map([['a', file(2)]]);
  const wanted = (unsure: Plan['unsure'], to: 'host' | 'guest' | undefined) => ({
    unsure,
    actions: to === undefined ? [] : [{ do: 'copy', path: 'a', to }],
  });

  it.each([
    [
      'goes across unread from the host',
      { host: after, guest: theirs },
      wanted({ host: [], guest: [] }, 'guest'),
    ],
    [
      'goes across unread from the guest',
      { host: before, guest: after },
      wanted({ host: [], guest: [] }, 'host'),
    ],
    [
      'is read first where a protected path could be held back in vain',
      { host: before, guest: after, isProtected: () => true },
      wanted({ host: [], guest: ['a'] }, undefined),
    ],
    [
      'waits for the other side where its print proves nothing',
      { host: after, guest: theirs, baseline: new Map([['a', { ...agreed, guestRacy: true }]]) },
      wanted({ host: [], guest: ['a'] }, undefined),
    ],
    [
      'is compared where both did',
      { host: after, guest: after },
      wanted({ host: ['a'], guest: ['a'] }, undefined),
    ],
  ] as const)('%s', (_how, input, expected) => {
    expect(plan({ baseline: new Map([['a', agreed]]), ...input })).toMatchObject(expected);
  });

  it('is read first where it is large', () => {
    const large = (time: number): Entry => ({
      print: `f0 2000000 ${time} ${time} 7`,
      target: '',
      racy: false,
    });
    const baseline = new Map([['a', { ...agreed, host: large(1).print, guest: large(2).print }]]);
    const found = plan({ baseline, host: new Map([['a', large(9)]]), guest: new Map([['a', large(2)]]) });
    expect(found).toMatchObject(wanted({ host: ['a'], guest: [] }, undefined));
  });
});
