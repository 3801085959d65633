import { describe, expect, it } from 'vitest';
import {
  hookNames,
  hookPlan,
  occasionOf,
  parseHook,
  splitByWaitFor,
} from '../../../../src/environments/hooks/plan.ts';

describe('parseHook', () => {
  it('hands a text to the shell as it is', () => {
    expect(parseHook('postCreateCommand', 'npm ci && echo "$HOME"')).toEqual([
      { name: undefined, argv: ['/bin/sh', '-c', 'npm ci && echo "$HOME"'], text: 'npm ci && echo "$HOME"' },
    ]);
  });

  it('runs a list without a shell, so nothing in it is expanded', () => {
    expect(parseHook('postCreateCommand', ['echo', '$(id)', "a'b", 'c\nd', ';'])[0]?.argv).toEqual([
      'echo',
      '$(id)',
      "a'b",
      'c\nd',
      ';',
    ]);
  });

  it('names the parts of an object', () => {
    const steps = parseHook('postStartCommand', { server: 'npm start', db: ['db', '--up'] });
    expect(steps.map(({ name, argv }) => [name, argv.at(-1)])).toEqual([
      ['server', 'npm start'],
      ['db', '--up'],
    ]);
  });

  it.each([undefined, null, '', '  ', [], {}])('has nothing to run for %j', (value) => {
    expect(parseHook('postStartCommand', value)).toEqual([]);
  });

  it.each([[3], [true], [['a', 1]], [{ a: 5 }], [{ a: { b: 'c' } }]])(
    'refuses %j, and names the hook',
    (value) => {
      expect(() => parseHook('postStartCommand', value)).toThrow(/postStartCommand.* cannot be run/);
    },
  );
});

describe('hookPlan', () => {
  it('keeps the order of the merged configuration: features first, the user last', () => {
    const plan = hookPlan({ postCreateCommands: ['feature', { a: 'user' }], onCreateCommands: [] });
    expect(plan.get('postCreateCommand')?.map((steps) => steps[0]?.text)).toEqual(['feature', 'user']);
    expect(plan.get('onCreateCommand')).toEqual([]);
    expect(plan.get('postAttachCommand')).toEqual([]);
  });
});

describe('occasionOf', () => {
  it('follows the spec', () => {
    expect(hookNames.map(occasionOf)).toEqual(['create', 'create', 'create', 'start', 'attach']);
  });
});

describe('splitByWaitFor', () => {
  it.each([
    ['initializeCommand', 0],
    ['onCreateCommand', 1],
    ['updateContentCommand', 2],
    ['postCreateCommand', 3],
    ['postStartCommand', 4],
    [undefined, 2],
    ['nonsense', 2],
  ])('waits with %s for the first %d', (waitFor, count) => {
    const { first, later } = splitByWaitFor(waitFor);
    expect(first).toHaveLength(count);
    expect([...first, ...later]).toEqual(hookNames);
  });
});
