import { describe, expect, it } from 'vitest';
import { isCancellation, SwitchyardError } from '../../../src/base/errors.ts';
import { packError, unpackError } from '../../../src/sync/apart/packedError.ts';

/** As between two processes: a structured clone. */
function across(error: unknown): Error {
  return unpackError(structuredClone(packError(error)));
}

describe('an error on its way to another process', () => {
  it('is one for a person again, with its remedies and its cause', () => {
    const cause = new TypeError('the cause');
    const error = new SwitchyardError({
      code: 'disk.full',
      what: 'What.',
      why: 'Why.',
      next: 'Next.',
      remedies: [{ do: 'openFile', file: '/a', line: 3 }],
      detail: 'detail',
      cause,
    });
    const found = across(error);
    expect(found).toBeInstanceOf(SwitchyardError);
    const { code, what, why, next, remedies, detail } = error;
    expect(found).toMatchObject({ code, what, why, next, remedies, detail });
    expect(found.message).toBe('What. Why. Next.');
    expect(found.cause).toMatchObject({ name: 'TypeError', message: 'the cause' });
  });

  it('is still a cancellation, however deep', () => {
    expect(isCancellation(across(AbortSignal.abort().reason))).toBe(true);
    expect(isCancellation(across(new Error('outer', { cause: AbortSignal.abort().reason })))).toBe(true);
    expect(isCancellation(across(new Error('another')))).toBe(false);
  });

  it('may be no error at all, or its own cause', () => {
    expect(across('only a text').message).toBe('only a text');
    const circle = new Error('circle');
    circle.cause = circle;
    expect(across(circle).message).toBe('circle');
  });
});
