import { afterAll, beforeAll, expect, it } from 'vitest';
import { howMany, modelRuns } from '../engines/support/modelRuns.ts';
import { SyncMachine } from './support/syncMachine.ts';

const many = howMany(100);

let machine: SyncMachine | undefined;

beforeAll(async () => {
  machine = await SyncMachine.start();
});

afterAll(() => machine?.end());

it(
  `loses no version in ${many.runs} runs of random changes and faults in a machine of its own`,
  { timeout: many.runs * 300_000 },
  async () => {
    const failures = await modelRuns((_two, seed) => {
      if (!machine) throw new Error('It did not start.');
      return machine.ground(seed);
    }, many);
    expect(failures).toEqual([]);
  },
);
