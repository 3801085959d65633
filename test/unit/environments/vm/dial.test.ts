import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { dial } from '../../../../src/environments/vm/dial.ts';

const never = new AbortController().signal;

describe('dial', () => {
  let server: net.Server;
  // Not the address that a client gets: a port that nobody listens on could be the client's own.
  const host = '127.0.0.2';

  afterEach(() => server.close());

  async function listen(port = 0): Promise<number> {
    await once(server.listen(port, host), 'listening');
    return (server.address() as AddressInfo).port;
  }

  it('gives the connection on which the server’s first words are still to be read', async () => {
    server = net.createServer((peer) => peer.end('SSH-2.0-x\r\n'));
    const socket = await dial({ host, port: await listen() }, 60_000, never);
    const said = await socket?.toArray();
    expect(Buffer.concat(said as Buffer[]).toString()).toBe('SSH-2.0-x\r\n');
  });

  it('connects once somebody listens', async () => {
    server = net.createServer((peer) => peer.end());
    const port = await listen();
    server.close();
    await once(server, 'close');
    const dialling = dial({ host, port }, 60_000, never);
    await listen(port);
    const socket = await dialling;
    expect(socket?.remotePort).toBe(port);
    socket?.destroy();
  });

  it('says when nobody does, and stops when it is cancelled', async () => {
    server = net.createServer();
    const port = await listen();
    server.close();
    await once(server, 'close');
    expect(await dial({ host, port }, 300, never)).toBeUndefined();
    const cancel = new AbortController();
    const dialling = dial({ host, port }, 60_000, cancel.signal);
    cancel.abort();
    await expect(dialling).rejects.toBe(cancel.signal.reason);
  });
});
