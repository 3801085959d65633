import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { DockerEngine } from '../../../src/engines/docker.ts';

describe('an engine that refuses a call', () => {
  let folder: string;
  let server: Server;
  let engine: DockerEngine;
  let version: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'switchyard-old-'));
    const socket = path.join(folder, 'docker.sock');
    server = createServer((request, response) => {
      const isVersion = request.url?.startsWith('/version') === true;
      response.writeHead(isVersion ? 200 : 400, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isVersion ? { ApiVersion: version } : { message: 'what is that?' }));
    }).listen(socket);
    await once(server, 'listening');
    engine = new DockerEngine({ program: 'docker', endpoint: `unix://${socket}` }, silentLogger);
  });
  afterEach(async () => {
    engine.dispose();
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true });
  });

  const ask = (): Promise<unknown> =>
    engine.ask('It was not done.', (docker) => docker.listContainers(), {
      signal: AbortSignal.timeout(10_000),
    });

  it.each(['1.39', '1.9', '0.99'])('is told to be too old where its API is %s', async (old) => {
    version = old;
    await expect(ask()).rejects.toMatchObject({
      code: 'docker.failed',
      what: 'It was not done.',
      why: expect.stringContaining(`speaks version ${old} of its API, and Switchyard needs 1.40`) as string,
    });
  });

  it.each(['1.40', '1.52', '2.0', 'unheard of'])('has its own words where its API is %s', async (known) => {
    version = known;
    await expect(ask()).rejects.toMatchObject({
      code: 'docker.failed',
      why: expect.stringContaining('what is that?') as string,
    });
  });
});
