import type { EnvironmentKind, GuestKind } from '../../base/kinds.ts';

/** What `switchyard.openIn` may say. */
export const openInValues = ['thisWindow', 'remoteWindow', 'auto'] as const;
export type OpenIn = (typeof openInValues)[number];

/**
 * - `stay`: terminals, tasks and ports go to the environment; the window stays where it is.
 * - `move`: the window itself goes there. `tryMove`: it does where an extension is there that opens such windows.
 */
export type WhereTo = 'stay' | 'move' | 'tryMove';

/**
 * What becomes of the window when another environment is made the active one.
 * @param inside the environment that the window itself is inside of
 */
export function whereTo(kind: EnvironmentKind, inside: GuestKind | undefined, openIn: OpenIn): WhereTo {
  if (inside !== undefined) return inside === kind ? 'stay' : 'move';
  if (kind === 'host' || openIn === 'thisWindow') return 'stay';
  return openIn === 'remoteWindow' ? 'move' : 'tryMove';
}
