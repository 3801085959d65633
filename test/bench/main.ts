import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { table, type BenchOptions, type Report } from './harness.ts';

/** Each suite is loaded only when it runs. */
const suites: Readonly<Record<string, () => Promise<(options: BenchOptions) => Promise<Report>>>> = {
  door: async () => (await import('./door.ts')).doorSuite,
  switch: async () => (await import('./switch.ts')).switchSuite,
  sync: async () => (await import('./sync.ts')).syncSuite,
  'vm-boot': async () => (await import('./vmBoot.ts')).vmBootSuite,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    rows: { type: 'string' },
    runs: { type: 'string', default: '5' },
    guest: { type: 'string' },
  },
});
const [name = ''] = positionals;
const load = Object.hasOwn(suites, name) ? suites[name] : undefined;
const runs = Number(values.runs);
if (!load || !Number.isInteger(runs) || runs < 1) {
  console.error(
    `usage: npm run bench -- ${Object.keys(suites).join('|')} [--json FILE] [--runs N] [--rows PREFIX] [--guest sshd|vm]`,
  );
  process.exit(2);
}
const suite = await load();
const end = new AbortController();
for (const ending of ['SIGINT', 'SIGTERM'] as const) {
  // Once: the second time ends at once.
  process.once(ending, () => {
    console.error('Ending after what is under way, to take away what was made for the measurement.');
    end.abort();
  });
}
try {
  const report = await suite({ runs, rows: values.rows, guest: values.guest, signal: end.signal });
  console.log(table(report));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
} catch (error) {
  if (!end.signal.aborted) throw error;
  process.exitCode = 130;
}
