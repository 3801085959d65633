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
