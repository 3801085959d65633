import type { Capability, EnvironmentState } from './environment.ts';

/**
 * What can be done in a state. While an operation is under way nothing can be begun but cancelled, which
 * is the operation's own matter.
 */
export function capabilitiesOf(
  state: EnvironmentState,
  kind: { readonly canSuspend: boolean; readonly hasLeftovers?: boolean },
): ReadonlySet<Capability> {
  switch (state) {
    // To open asks the engine again, and says what is wrong and what to do about it.
    case 'unknown':
    case 'unavailable':
      return new Set(['canOpen']);
    case 'absent':
      // What is left of it can go.
      return new Set(kind.hasLeftovers ? ['canOpen', 'canDestroy'] : ['canOpen']);
    case 'creating':
    case 'starting':
    case 'stopping':
    case 'suspending':
    case 'removing':
      return new Set();
    case 'stopped':
      return new Set(['canOpen', 'canRebuild', 'canDestroy']);
    case 'suspended':
      return new Set(['canOpen', 'canStop', 'canRebuild', 'canDestroy']);
    case 'running':
      return new Set([
        'canOpen',
        'canConnect',
        'canStop',
        ...(kind.canSuspend ? (['canSuspend'] as const) : []),
        'canRestart',
        'canRebuild',
        'canDestroy',
      ]);
  }
}
