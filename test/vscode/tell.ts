import { readFile } from 'node:fs/promises';

interface Report {
  readonly tests: readonly {
    readonly fullTitle: string;
    readonly duration?: number;
    readonly err: { readonly message?: string; readonly stack?: string };
  }[];
  readonly passes: readonly { readonly fullTitle: string }[];
  readonly pending: readonly { readonly fullTitle: string }[];
  readonly failures: Report['tests'];
}

/** Prints mocha's report as lines. A hook that failed is among the failures only. */
export async function tellReport(file: string): Promise<void> {
  const report = JSON.parse(await readFile(file, 'utf8')) as Report;
  const passed = new Set(report.passes.map((test) => test.fullTitle));
  for (const test of report.tests) {
    if (passed.has(test.fullTitle)) console.log(`  ✓ ${test.fullTitle} (${test.duration ?? 0} ms)`);
  }
  for (const test of report.pending) console.log(`  – ${test.fullTitle}`);
  for (const test of report.failures) {
    console.log(
      `  ✗ ${test.fullTitle}\n    ${(test.err.stack ?? test.err.message ?? '').replaceAll('\n', '\n    ')}`,
    );
  }
  console.log(`${report.passes.length} passed, ${report.failures.length} failed`);
}
