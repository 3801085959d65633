import { expect, it } from 'vitest';
import { whereTo } from '../../../../src/ui/remote/whereTo.ts';

it.each([
  // Setting, where the window is, what becomes active, and what becomes of the window.
  ['thisWindow', undefined, 'container', 'stay'],
  ['thisWindow', undefined, 'vm', 'stay'],
  ['remoteWindow', undefined, 'container', 'move'],
  ['remoteWindow', undefined, 'vm', 'move'],
  ['remoteWindow', undefined, 'host', 'stay'],
  ['auto', undefined, 'vm', 'tryMove'],
  ['auto', undefined, 'host', 'stay'],
  // A window that is inside goes along, whatever the setting says.
  ['thisWindow', 'container', 'vm', 'move'],
  ['thisWindow', 'vm', 'container', 'move'],
  ['auto', 'vm', 'host', 'move'],
  ['remoteWindow', 'container', 'container', 'stay'],
] as const)('with openIn %s, a window in %s, and %s made active: %s', (openIn, inside, kind, expected) => {
  expect(whereTo(kind, inside, openIn)).toBe(expected);
});
