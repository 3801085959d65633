import type { BenchOptions, Report, Row } from './harness.ts';
import { containerRows } from './switchContainer.ts';
import { vmRows } from './switchVm.ts';

/** The rows of each kind; each makes its own project, and removes it. */
const groups: readonly ((bench: BenchOptions) => Promise<readonly Row[]>)[] = [containerRows, vmRows];

/** How long it takes until an environment is active, beside the tools that people use today. */
export async function switchSuite(bench: BenchOptions): Promise<Report> {
  const rows: Row[] = [];
  for (const group of groups) rows.push(...(await group(bench)));
  return { suite: 'switch', rows };
}
