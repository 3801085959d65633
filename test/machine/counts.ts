/** What a suite's tests came to. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed, and why: a title and a message, as a person reads them. */
  readonly failures: readonly { readonly title: string; readonly message: string }[];
  /** The titles of what was skipped. */
  readonly skips: readonly string[];
}

export const nothing: Counts = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };

export function onePassed(): Counts {
  return { ...nothing, passed: 1 };
}

export function oneFailed(title: string, message: string): Counts {
  return { ...nothing, failed: 1, failures: [{ title, message }] };
}

export function oneSkipped(title: string): Counts {
  return { ...nothing, skipped: 1, skips: [title] };
}

export function add(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    failures: [...a.failures, ...b.failures],
    skips: [...a.skips, ...b.skips],
  };
}

/** The last line of `npm test`. */
export function lastLine(counts: Counts): string {
  const line = `${counts.passed} passed, ${counts.failed} failed`;
  return counts.skipped === 0 ? line : `${line}, ${counts.skipped} skipped`;
}

/** Where everything is in place nothing may be skipped: a skip is a failure there. */
export function withoutSkips(counts: Counts): Counts {
  const failures = counts.skips.map((title) => ({
    title,
    message: 'It was skipped, which CI does not allow.',
  }));
  return {
    ...counts,
    failed: counts.failed + counts.skipped,
    skipped: 0,
    failures: [...counts.failures, ...failures],
    skips: [],
  };
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

/**
 * Reads what vitest's `json` reporter wrote.
 * @see https://vitest.dev/guide/reporters#json-reporter
 */
export function readVitest(text: string): Counts {
  const report = JSON.parse(text) as VitestReport;
  let counts = nothing;
  for (const file of report.testResults) {
    let own = nothing;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') own = add(own, onePassed());
      else if (test.status === 'failed') {
        own = add(own, oneFailed(test.fullName, test.failureMessages?.join('\n') ?? ''));
      } else own = add(own, oneSkipped(test.fullName));
    }
    // A file that cannot be loaded, or whose hooks fail, has no failed test of its own.
    if (file.status === 'failed' && own.failed === 0)
      own = add(own, oneFailed(file.name, file.message ?? ''));
    counts = add(counts, own);
  }
  return counts;
}

interface MochaReport {
  readonly passes: readonly unknown[];
  readonly pending: readonly { readonly fullTitle: string }[];
  readonly failures: readonly {
    readonly fullTitle: string;
    readonly err: { readonly message?: string; readonly stack?: string };
  }[];
}

/**
 * Reads what mocha's `json` reporter wrote. A hook that failed is among its failures.
 * @see https://mochajs.org/reporters/json/
 */
export function readMocha(text: string): Counts {
  const report = JSON.parse(text) as MochaReport;
  return {
    passed: report.passes.length,
    failed: report.failures.length,
    skipped: report.pending.length,
    failures: report.failures.map(({ fullTitle, err }) => ({
      title: fullTitle,
      message: err.stack ?? err.message ?? '',
    })),
    skips: report.pending.map(({ fullTitle }) => fullTitle),
  };
}
