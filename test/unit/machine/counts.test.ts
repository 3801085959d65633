import { describe, expect, test } from 'vitest';
import { lastLine, nothing, readMocha, readVitest, withoutSkips } from '../../machine/counts.ts';

describe('the counts of vitest', () => {
  const file = (status: string, tests: readonly unknown[], message = ''): unknown => ({
    name: '/src/a.test.ts',
    status,
    message,
    assertionResults: tests,
  });
  const read = (...files: readonly unknown[]): ReturnType<typeof readVitest> =>
    readVitest(JSON.stringify({ testResults: files }));

  test('adds up passed, failed and skipped tests of all files', () => {
    const counts = read(
      file('passed', [{ fullName: 'a works', status: 'passed', failureMessages: [] }]),
      file('failed', [
        { fullName: 'b works', status: 'failed', failureMessages: ['expected 1 to be 2'] },
        { fullName: 'c works', status: 'pending', failureMessages: null },
        { fullName: 'd works', status: 'todo', failureMessages: [] },
      ]),
    );
    expect(counts).toMatchObject({ passed: 1, failed: 1, skipped: 2, skips: ['c works', 'd works'] });
    expect(counts.failures).toEqual([{ title: 'b works', message: 'expected 1 to be 2' }]);
  });

  test('counts a file that cannot be loaded as a failure, though no test of it failed', () => {
    const counts = read(file('failed', [], 'Cannot find module'));
    expect(counts).toMatchObject({ passed: 0, failed: 1 });
    expect(counts.failures[0]?.message).toBe('Cannot find module');
  });

  test('counts a file whose hook failed once its tests passed as a failure', () => {
    const counts = read(file('failed', [{ fullName: 'a works', status: 'passed' }], 'afterAll failed'));
    expect(counts).toMatchObject({ passed: 1, failed: 1 });
  });
});

describe('the counts of mocha', () => {
  test('reads passes, failures and pending tests', () => {
    const counts = readMocha(
      JSON.stringify({
        passes: [{}, {}],
        pending: [{ fullTitle: 'later' }],
        failures: [{ fullTitle: 'broken', err: { message: 'no', stack: 'Error: no\n  at x' } }],
      }),
    );
    expect(counts).toMatchObject({ passed: 2, failed: 1, skipped: 1, skips: ['later'] });
    expect(counts.failures).toEqual([{ title: 'broken', message: 'Error: no\n  at x' }]);
  });
});

describe('the last line', () => {
  test('leaves skipped tests out where there are none', () => {
    expect(lastLine({ ...nothing, passed: 12 })).toBe('12 passed, 0 failed');
    expect(lastLine({ ...nothing, passed: 12, failed: 1, skipped: 3 })).toBe(
      '12 passed, 1 failed, 3 skipped',
    );
  });

  test('in CI a skipped test has failed', () => {
    const counts = withoutSkips({ ...nothing, passed: 2, skipped: 1, skips: ['no engine'] });
    expect(lastLine(counts)).toBe('2 passed, 1 failed');
    expect(counts.failures[0]?.title).toBe('no engine');
  });
});
