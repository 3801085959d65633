import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectSsh } from '../../src/connections/sshConnection.ts';
import { run } from '../../src/connections/run.ts';
import { dialHop } from '../../src/environments/vm/dialHop.ts';
import { never } from './support/docker.ts';
import { sshOf } from './support/sshClient.ts';
import { SshServer } from './support/sshServer.ts';

describe('a machine on the network of another computer', () => {
  let server: SshServer;
  let folder: string;
  const usualPath = process.env['PATH'];
  const through = (): { host: string; user: string; port: string } => ({
    host: '127.0.0.1',
    user: 'root',
    port: String(server.port),
  });

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-hop-'));
    server = await SshServer.start();
    // The ssh that is started is this process's own.
    process.env['PATH'] = sshOf(server, path.join(folder, 'client'));
  });
  afterAll(async () => {
    process.env['PATH'] = usualPath;
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A port that nobody listens on, until somebody does. */
  async function listener(): Promise<{ port: number; listen: () => Promise<void>; close: () => void }> {
    const machine = net.createServer((peer) => peer.end('SSH-2.0-x\r\n'));
    await once(machine.listen(0, '127.0.0.2'), 'listening');
    const { port } = machine.address() as AddressInfo;
    machine.close();
    await once(machine, 'close');
    return {
      port,
      listen: async () => {
        await once(machine.listen(port, '127.0.0.2'), 'listening');
      },
      close: () => machine.close(),
    };
  }

  it('is reached once it listens, and its first words are still to be read', async () => {
    const machine = await listener();
    const dialling = dialHop({ through: through(), host: '127.0.0.2', port: machine.port }, 60_000, never);
    await machine.listen();
    const stream = await dialling;
    const said = await stream?.toArray();
    expect(Buffer.concat(said as Buffer[]).toString()).toBe('SSH-2.0-x\r\n');
    machine.close();
  });

  it('that nobody answers for is said, and a cancelled attempt ends', async () => {
    const { port } = await listener();
    const there = { through: through(), host: '127.0.0.2', port };
    expect(await dialHop(there, 500, never)).toBeUndefined();
    const cancel = new AbortController();
    const dialling = dialHop(there, 60_000, cancel.signal);
    cancel.abort(new Error('enough'));
    await expect(dialling).rejects.toThrow('enough');
  });

  it('has programs run in it, and files brought by the system’s ssh', async () => {
    const target = {
      ...{ host: '127.0.0.1', port: server.port, user: 'root', through: through() },
      ...{ privateKey: readFileSync(server.key, 'utf8'), identityFile: server.key },
      hostKeys: [readFileSync(path.join(server.folder, 'host.pub'), 'utf8')],
    };
    const connection = await connectSsh(target, { env: {} }, never);
    try {
      const { stdout } = await run(connection, { argv: ['sh', '-c', 'echo "$SSH_CONNECTION"'] }, never);
      expect(stdout.toString()).toContain(String(server.port));
      const bulk = await connection.bulk({ argv: ['true'], stdin: 'ignore', stdout: 'ignore' }, never);
      expect(await bulk?.exit).toEqual({ code: 0, said: '' });
      // The sync's own process does the same with this alone.
      expect(connection.bulkTarget.through).toEqual(through());
    } finally {
      connection.dispose();
    }
  });
});
