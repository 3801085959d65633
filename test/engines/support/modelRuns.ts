import { ModelRun, type Ground } from './syncModel.ts';
import type { TwoFolders } from './twoFolders.ts';

const steps = 40;

/** `SYNC_RUNS=1000` for many, `SYNC_SECONDS=300` for as many of them as end by then, `SYNC_SEED=…` for the first one's seed. */
export interface HowMany {
  readonly runs: number;
  readonly seconds: number;
  readonly firstSeed: number;
}

export function howMany(byDefault: number): HowMany {
  const seed = process.env['SYNC_SEED'];
  return {
    // A seed alone replays what it stands for.
    runs: Number(process.env['SYNC_RUNS'] ?? (seed === undefined ? byDefault : 1)),
    seconds: Number(process.env['SYNC_SECONDS'] ?? Infinity),
    firstSeed: seed === undefined ? Math.floor(Date.now() % 1_000_000_000) : Number(seed),
  };
}

/** Runs the model, one seed after the other. @returns what failed, each with how to replay it */
export async function modelRuns(
  ground: (two: TwoFolders, seed: number) => Ground,
  { runs, seconds, firstSeed }: HowMany,
): Promise<readonly string[]> {
  const failures: string[] = [];
  const struck: Record<string, number> = {};
  const until = performance.now() + seconds * 1_000;
  let n = 0;
  for (; n < runs && failures.length < 5 && performance.now() < until; n += 1) {
    const seed = firstSeed + n;
    const run = new ModelRun((two) => ground(two, seed), seed);
    try {
      await run.run(steps);
    } catch (error) {
      const failure = `${String(error)}\nReplay with SYNC_SEED=${seed}. ${run.story}`;
      process.stderr.write(`${failure}\n`);
      failures.push(failure);
    } finally {
      await run.dispose();
    }
    for (const fault of run.struck) struck[fault] = (struck[fault] ?? 0) + 1;
    if (n % 10 === 9) process.stderr.write(`${n + 1} of ${runs} runs, ${failures.length} failed\n`);
  }
  const faults = Object.entries(struck).map(([fault, count]) => `, ${count} × ${fault}`);
  process.stderr.write(
    `Seeds ${firstSeed} to ${firstSeed + n - 1}${faults.join('')}: ${failures.length} failed.\n`,
  );
  return failures;
}
