import {
  add,
  lastLine,
  nothing,
  oneFailed,
  onePassed,
  oneSkipped,
  withoutSkips,
  type Counts,
} from './counts.ts';
import { consentOf } from './consent.ts';
import { root } from './dependencies.mjs';
import { Leftovers } from './leftovers.ts';
import { prepare } from './prepare.ts';
import { Report } from './report.mjs';
import { runSuite, suites, type Suite } from './suites.ts';

const report = new Report();
const inCi = process.env['CI'] === 'true' || process.env['CI'] === '1';
const cancelled = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => cancelled.abort());

/** What came of it so far. */
const outcome: { total: Counts; incomplete: boolean } = {
  total: nothing,
  // Whether a suite could not run, which is no success even where it is only a skip.
  incomplete: false,
};

const notReady = await prepareMachine();
const leftovers = notReady === undefined ? await Leftovers.begin(inCi) : undefined;
report.title('Tests');
for (const suite of suites) {
  await runAndTell(suite);
}
if (leftovers) await tellLeftovers(leftovers);
if (isCancelled()) outcome.total = add(outcome.total, oneFailed('npm test', 'It was cancelled.'));
tellFailures();
report.say(`\n${lastLine(outcome.total)}`);
process.exitCode = outcome.total.failed > 0 || outcome.incomplete ? 1 : 0;

function isCancelled(): boolean {
  return cancelled.signal.aborted;
}

/** @returns why the machine is not ready, or undefined where it is */
async function prepareMachine(): Promise<string | undefined> {
  try {
    await prepare(report, 'test', consentOf(process.argv.slice(2)));
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!report.hasSaid(error)) report.say(`\n  ${message}`);
    return message;
  }
}

async function runAndTell(suite: Suite): Promise<void> {
  if (isCancelled()) return;
  if (suite.needsMachine && notReady !== undefined) {
    outcome.incomplete = true;
    const why = notReady.split('\n')[0] ?? '';
    outcome.total = add(
      outcome.total,
      inCi ? oneFailed(suite.name, why) : oneSkipped(`${suite.name}: ${why}`),
    );
    report.note(suite.name, `not run: ${why}`);
    return;
  }
  await report
    .step(suite.name, async (step) => {
      const env = leftovers?.environment ?? {};
      const ran = await runSuite(suite, { root, env, signal: cancelled.signal, onLine: step.line }).catch(
        (error: unknown) => oneFailed(suite.name, String(error)),
      );
      const counts = inCi ? withoutSkips(ran) : ran;
      outcome.total = add(outcome.total, counts);
      if (counts.failed > 0) throw new Error(lastLine(counts));
      return lastLine(counts);
    })
    // Its line has told it; what failed is listed at the end.
    .catch(() => undefined);
}

async function tellLeftovers(watch: Leftovers): Promise<void> {
  await report
    .step('left behind', async () => {
      const left = await watch.end().catch((error: unknown) => [`not known: ${String(error)}`]);
      outcome.total = add(
        outcome.total,
        left.length === 0 ? onePassed() : oneFailed('Nothing is left behind', left.join('\n')),
      );
      if (left.length > 0)
        throw new Error(left.length === 1 ? 'one thing, see below' : `${left.length} things, see below`);
      return 'nothing';
    })
    .catch(() => undefined);
}

function tellFailures(): void {
  if (outcome.total.failures.length > 0) report.title('Failed');
  for (const { title, message } of outcome.total.failures) {
    const lines = message.trimEnd().split('\n').slice(0, 200);
    report.say(`  ✗ ${title}\n${lines.map((line) => `      ${line}`).join('\n')}\n`);
  }
  if (outcome.total.skips.length > 0) report.title('Skipped');
  for (const title of outcome.total.skips) report.say(`  – ${title}`);
}
