import { expect, test } from 'vitest';
import { consentOf } from '../../machine/consent.ts';

test.each([
  ['the argument', ['--yes'], {}],
  ['npm’s own way to pass it', [], { npm_config_yes: 'true' }],
  ['CI', [], { CI: 'true' }],
])('%s says yes', (_name, args, env) => {
  expect(consentOf(args, env).given).toBe(true);
});

test.each([
  ['nothing', {}],
  ['npm’s setting at its default', { npm_config_yes: '' }],
  ['a CI that says no', { CI: 'false' }],
])('%s does not', (_name, env) => {
  expect(consentOf([], env).given).toBe(false);
});
