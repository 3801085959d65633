import { afterAll, beforeAll, expect, it } from 'vitest';
import { howMany, modelRuns } from './support/modelRuns.ts';
import { sshdGround } from './support/sshdGround.ts';
import { SshServer } from './support/sshServer.ts';

const many = howMany(15);

let server: SshServer;

beforeAll(async () => {
  server = await SshServer.start(['MaxStartups 100']);
});

afterAll(() => server.stop());

it(
  `loses no version in ${many.runs} runs of random changes and faults`,
  { timeout: many.runs * 60_000 },
  async () => {
    expect(await modelRuns((two) => sshdGround(server, two), many)).toEqual([]);
  },
);
