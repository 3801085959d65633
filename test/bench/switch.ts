import { isWanted, type BenchOptions, type Report, type Row } from './harness.ts';
import { containerRows } from './switchContainer.ts';
import { vmRows } from './switchVm.ts';

/** The rows of each kind, by how their names begin; each makes its own project, and removes it. */
const groups: readonly (readonly [prefix: string, (bench: BenchOptions) => Promise<readonly Row[]>])[] = [
  ['container ', containerRows],
  ['VM ', vmRows],
];

/** How long it takes until an environment is active, beside the tools that people use today. */
export async function switchSuite(bench: BenchOptions): Promise<Report> {
  const rows: Row[] = [];
  for (const [prefix, group] of groups) if (isWanted(prefix, bench)) rows.push(...(await group(bench)));
  return { suite: 'switch', rows };
}
