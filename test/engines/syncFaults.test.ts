import { afterAll, beforeAll, expect, it } from 'vitest';
import { SshServer } from './support/sshServer.ts';
import { ModelRun } from './support/syncModel.ts';

/** `SYNC_RUNS=1000` for many, `SYNC_SECONDS=300` for as many of them as end by then; `SYNC_SEED=…` replays one. */
const runs = Number(process.env['SYNC_RUNS'] ?? 15);
const seconds = Number(process.env['SYNC_SECONDS'] ?? Infinity);
const replay = process.env['SYNC_SEED'];
const first = replay === undefined ? Math.floor(Date.now() % 1_000_000_000) : Number(replay);
const steps = 40;

let server: SshServer;

beforeAll(async () => {
  server = await SshServer.start(['MaxStartups 100']);
});

afterAll(() => server.stop());

it(
  `loses no version in ${replay === undefined ? runs : 1} runs of random changes and faults`,
  { timeout: runs * 60_000 },
  async () => {
    const failures: string[] = [];
    const until = performance.now() + seconds * 1_000;
    for (let n = 0; n < (replay === undefined ? runs : 1) && failures.length < 5; n += 1) {
      if (performance.now() > until) break;
      const run = new ModelRun(server, first + n);
      try {
        await run.run(steps);
      } catch (error) {
        const failure = `${String(error)}\nReplay with SYNC_SEED=${first + n}. ${run.story}`;
        process.stderr.write(`${failure}\n`);
        failures.push(failure);
      } finally {
        await run.dispose();
      }
      if (n % 10 === 9) process.stderr.write(`${n + 1} of ${runs} runs, ${failures.length} failed\n`);
    }
    expect(failures).toEqual([]);
  },
);
