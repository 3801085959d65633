import { describe, expect, it } from 'vitest';
import { capabilitiesOf } from '../../../src/environments/capabilities.ts';

describe('capabilitiesOf', () => {
  it.each([
    ['unknown', ['canOpen']],
    ['unavailable', ['canOpen']],
    ['absent', ['canOpen']],
    ['creating', []],
    ['starting', []],
    ['stopping', []],
    ['suspending', []],
    ['removing', []],
    ['stopped', ['canDestroy', 'canOpen', 'canRebuild']],
    ['suspended', ['canDestroy', 'canOpen', 'canRebuild', 'canStop']],
    ['running', ['canConnect', 'canDestroy', 'canOpen', 'canRebuild', 'canRestart', 'canStop', 'canSuspend']],
  ] as const)('%s: %j', (state, expected) => {
    expect([...capabilitiesOf(state, { canSuspend: true })].sort()).toEqual(expected);
  });

  it('offers to take away what is left of one that is gone', () => {
    expect([...capabilitiesOf('absent', { canSuspend: true, hasLeftovers: true })]).toEqual([
      'canOpen',
      'canDestroy',
    ]);
  });

  it('offers to suspend only what can be suspended', () => {
    expect(capabilitiesOf('running', { canSuspend: false }).has('canSuspend')).toBe(false);
  });
});
