import { execa } from 'execa';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { oneFailed, onePassed, readMocha, readVitest, type Counts } from './counts.ts';

/** A part of `npm test`: one program, and how its tests are counted. */
export interface Suite {
  readonly name: string;
  readonly args: readonly [string, ...string[]];
  /** What reads the report it writes; without one the whole suite is one test. */
  readonly read?: (text: string) => Counts;
  /** Whether it needs engines and an editor. */
  readonly needsMachine: boolean;
  /** Bound on the whole suite in minutes. */
  readonly minutes: number;
}

function vitest(project: string, minutes: number, needsMachine: boolean, ...files: string[]): Suite {
  return {
    name: project,
    args: [
      ...(['vitest', 'run', '--config', 'test/vitest.config.ts', '--project', project, ...files] as const),
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile(project)}`],
    ],
    read: readVitest,
    needsMachine,
    minutes,
  };
}

/** In the order in which they run: what is quick to fail comes first. */
export const suites: readonly Suite[] = [
  { name: 'types', args: ['tsc', '--noEmit'], needsMachine: false, minutes: 5 },
  { name: 'lint', args: ['npm', 'run', '--silent', 'lint'], needsMachine: false, minutes: 10 },
  vitest('unit', 10, false),
  vitest('engines', 60, true),
  vitest('doors', 15, true),
  {
    name: 'in-host',
    args: ['node', 'test/vscode/browser.ts', '--report', reportFile('in-host')],
    read: readMocha,
    needsMachine: true,
    minutes: 15,
  },
  vitest('e2e', 25, true),
];

const outputFolder = 'test/.output';

function reportFile(name: string): string {
  return `test/.output/${name}.json`;
}

/**
 * Runs a suite to its end and counts its tests. Never rejects for what a suite does: one that crashes, runs
 * too long or runs nothing counts as failed.
 * @param env what the suite gets on top of this process's environment
 */
export async function runSuite(
  suite: Suite,
  options: {
    readonly root: string;
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly onLine: (line: string) => void;
  },
): Promise<Counts> {
  const { root } = options;
  await mkdir(join(root, outputFolder), { recursive: true });
  const report = join(root, reportFile(suite.name));
  // The report of an earlier run must not count for this one.
  await rm(report, { force: true });
  const log = join(root, outputFolder, `${suite.name}.log`);
  const ended = await runProgram(suite, log, options);
  if (!suite.read) {
    return ended.problem === undefined
      ? onePassed()
      : oneFailed(suite.name, `${ended.problem}\n${ended.output}`);
  }
  let counts: Counts;
  try {
    counts = suite.read(await readFile(report, 'utf8'));
  } catch (error) {
    const why = ended.problem ?? (error instanceof Error ? error.message : String(error));
    return oneFailed(suite.name, `It left no report: ${why}\n${lastLines(ended.output, 30)}`);
  }
  if (counts.failed === 0 && ended.problem !== undefined) {
    return {
      ...counts,
      ...withFailure(counts, suite.name, `${ended.problem}\n${lastLines(ended.output, 30)}`),
    };
  }
  if (counts.passed + counts.failed + counts.skipped === 0) return oneFailed(suite.name, 'It ran no test.');
  return withDetails(counts, ended.output);
}

/**
 * Adds what the errors held besides their message: a program's whole output is there, which no report of
 * vitest repeats and which nobody can ask for when a build server's machine is gone.
 */
function withDetails(counts: Counts, output: string): Counts {
  const details = output.split('\n').filter((line) => line.startsWith('Serialized Error:'));
  const [first, ...others] = counts.failures;
  if (!first || details.length === 0) return counts;
  const told = [...new Set(details)].slice(0, 10).map((line) => line.slice(0, 6000).replaceAll('\\n', '\n'));
  return {
    ...counts,
    failures: [first, ...others, { title: 'What the errors held', message: told.join('\n') }],
  };
}

function withFailure(counts: Counts, title: string, message: string): Partial<Counts> {
  return { failed: counts.failed + 1, failures: [...counts.failures, { title, message }] };
}

async function runProgram(
  suite: Suite,
  log: string,
  options: Parameters<typeof runSuite>[1],
): Promise<{ readonly problem: string | undefined; readonly output: string }> {
  const bin = join(options.root, 'node_modules', '.bin');
  const [program, ...args] = suite.args;
  const child = execa(program, args, {
    cwd: options.root,
    env: {
      ...options.env,
      PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
    },
    all: true,
    reject: false,
    stdin: 'ignore',
    // A group of its own, so that ending the suite ends what it started.
    detached: true,
  });
  const file = createWriteStream(log);
  child.all.pipe(file);
  let problem: string | undefined;
  const end = (why: string): void => {
    problem ??= why;
    signalGroup(child.pid, 'SIGTERM');
    setTimeout(() => signalGroup(child.pid, 'SIGKILL'), 10_000).unref();
  };
  const bound = setTimeout(() => end(`It took longer than ${suite.minutes} min.`), suite.minutes * 60_000);
  const onAbort = (): void => end('It was cancelled.');
  options.signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (options.signal.aborted) onAbort();
    const lines = (async () => {
      for await (const line of child.iterable({ from: 'all' })) options.onLine(line);
    })();
    const result = await child;
    // With reject: false the iterable still rejects where the program failed, which is told below.
    await lines.catch(() => undefined);
    await finished(file);
    if (result.failed)
      problem ??= `It exited with ${result.exitCode ?? result.signal ?? result.code ?? 'an error'}.`;
    return { problem, output: result.all };
  } finally {
    clearTimeout(bound);
    options.signal.removeEventListener('abort', onAbort);
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
