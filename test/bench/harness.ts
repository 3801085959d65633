/** One line of a benchmark; `ours` and `peer` are medians in `unit`, `ratio` is ours / peer. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: number;
  readonly peerName: string;
  readonly ratio: number;
  /** Such as `<=0.25` or `>=0.7`. */
  readonly goal: string;
  readonly met: boolean;
}

export interface Report {
  readonly suite: string;
  readonly rows: readonly Row[];
}

/** What a row compares: each is one run, measured from call to end; what comes before is not measured. */
export interface Comparison {
  readonly name: string;
  readonly goal: string;
  readonly peerName: string;
  ours(): Promise<unknown>;
  peer(): Promise<unknown>;
  /** Brings about what each run begins with. */
  before?(side: 'ours' | 'peer'): Promise<unknown>;
  /** Ends what a run left open; not measured either. */
  after?(side: 'ours' | 'peer'): Promise<unknown>;
}

/** What a suite is told to do. */
export interface BenchOptions {
  /** Runs of each side. */
  readonly runs: number;
  /** How the names of the rows begin that are wanted; undefined is all. */
  readonly rows?: string | undefined;
  /** Of the suite `sync`: only over an sshd of this computer (`sshd`), or only into a real machine (`vm`). */
  readonly guest?: string | undefined;
  /** Whoever asked no longer wants it: it ends after the run, or the part of `sync`, that is under way, and leaves nothing behind. */
  readonly signal: AbortSignal;
}

/** Whether any row whose name begins so is wanted. */
export function isWanted(prefix: string, { rows }: BenchOptions): boolean {
  return rows === undefined || rows.startsWith(prefix) || prefix.startsWith(rows);
}

/** The rows that are wanted of these, in order. */
export async function compareAll(comparisons: readonly Comparison[], bench: BenchOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const comparison of comparisons) {
    if (bench.rows !== undefined && !comparison.name.startsWith(bench.rows)) continue;
    rows.push(await compare(comparison, bench));
  }
  return rows;
}

/** Runs both sides by turns (A B A B), so that what slows the machine down slows both. */
export async function compare(comparison: Comparison, { runs, signal }: BenchOptions): Promise<Row> {
  const samples = { ours: [] as number[], peer: [] as number[] };
  for (let run = 0; run < runs; run += 1) {
    for (const side of ['ours', 'peer'] as const) {
      signal.throwIfAborted();
      await comparison.before?.(side);
      const began = performance.now();
      await comparison[side]();
      samples[side].push(performance.now() - began);
      await comparison.after?.(side);
    }
  }
  const { name, goal, peerName } = comparison;
  return rowOf({ name, goal, peerName, unit: 'ms', ours: median(samples.ours), peer: median(samples.peer) });
}

export function rowOf(measured: Omit<Row, 'ratio' | 'met'>): Row {
  const ratio = measured.ours / measured.peer;
  return { ...measured, ratio, met: meets(ratio, measured.goal) };
}

/** @throws RangeError where the goal is none */
export function meets(ratio: number, goal: string): boolean {
  const [, sign, bound] = /^(<=|>=)(\d+(?:\.\d+)?)$/.exec(goal) ?? [];
  if (bound === undefined) throw new RangeError(`"${goal}" is no goal.`);
  return sign === '<=' ? ratio <= Number(bound) : ratio >= Number(bound);
}

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest sample that a share `q` of all is not above. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** The rows as a table for the screen. */
export function table(report: Report): string {
  const cells = [
    ['measure', 'ours', 'peer', 'ratio', 'goal', ''],
    ...report.rows.map((row) => [
      row.name,
      `${round(row.ours)} ${row.unit}`,
      `${round(row.peer)} ${row.unit}  ${row.peerName}`,
      row.ratio.toFixed(3),
      row.goal,
      row.met ? 'met' : 'MISSED',
    ]),
  ];
  const widths = cells[0]?.map((_cell, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0)),
  );
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
