import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { declaredSecrets, hideSecrets } from '../../../../src/environments/hooks/secrets.ts';

describe('the secrets of a config', () => {
  it('are those with a name that a variable can have', () => {
    expect(
      declaredSecrets({
        secrets: {
          TOKEN: { description: 'For the registry.', documentationUrl: 'https://example.org' },
          PLAIN: {},
          ODD: null,
          'no variable': {},
        },
      }),
    ).toEqual([
      { name: 'TOKEN', description: 'For the registry.', documentationUrl: 'https://example.org' },
      { name: 'PLAIN', description: undefined, documentationUrl: undefined },
      { name: 'ODD', description: undefined, documentationUrl: undefined },
    ]);
    for (const secrets of [undefined, null, [], 'TOKEN', 3]) expect(declaredSecrets({ secrets })).toEqual([]);
  });

  it('are in no text that is shown, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 3 }).filter((value) => !/[*\r\n]/.test(value))),
        fc.string(),
        (values, text) => {
          const shown = hideSecrets(`${values.join(text)}${text}`, values);
          for (const value of values) expect(shown).not.toContain(value);
        },
      ),
    );
    expect(hideSecrets('a longer-secret b secret', ['secret', 'longer-secret'])).toBe(
      'a ******** b ********',
    );
    expect(hideSecrets('line one\nline two', ['line one\nline two'])).toBe('********\n********');
    expect(hideSecrets('$& stays', ['none'])).toBe('$& stays');
  });
});
