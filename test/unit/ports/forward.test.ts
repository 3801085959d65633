import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { Forward } from '../../../src/ports/forward.ts';

const open: { close?: () => unknown; dispose?: () => unknown }[] = [];
afterEach(() => {
  for (const item of open.splice(0)) {
    item.close?.();
    item.dispose?.();
  }
});

async function listen(onConnection: (socket: Socket) => void = () => undefined, port = 0): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, onConnection).listen(port, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function forward(wanted: number, inside: number, only = false): Promise<Forward | undefined> {
  const made = await Forward.listen({ wanted, only, log: silentLogger }, async () => {
    const socket = connect({ port: inside, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  });
  if (made) open.push(made);
  return made;
}

describe('Forward', () => {
  it('takes the same number where it is free, another one where it is not, and none where no other will do', async () => {
    const free = await listen();
    const first = await forward(0, free);
    const port = first?.localPort ?? 0;
    const second = await forward(port, free);
    expect(second?.localPort).toBeGreaterThan(0);
    expect(second?.localPort).not.toBe(port);
    expect(await forward(port, free, true)).toBeUndefined();
    first?.dispose();
    expect((await forward(port, free, true))?.localPort).toBe(port);
  });

  it('listens on the loopback address only', async () => {
    const made = await forward(0, await listen());
    const outside = connect({ port: made?.localPort ?? 0, host: '127.0.0.2' });
    const [error] = (await once(outside, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('passes both directions on, and the end of each by itself', async () => {
    const inside = await listen((socket) => void text(socket).then((said) => socket.end(`heard ${said}`)));
    const made = await forward(0, inside);
    const client = connect({ port: made?.localPort ?? 0, host: '127.0.0.1' });
    const big = 'x'.repeat(2_000_000);
    client.end(big);
    expect(await text(client)).toBe(`heard ${big}`);
  });

  it('resets a connection that reaches nobody', async () => {
    const made = await Forward.listen({ wanted: 0, only: false, log: silentLogger }, () =>
      Promise.reject(new Error('nobody')),
    );
    if (made) open.push(made);
    const client = connect({ port: made?.localPort ?? 0, host: '127.0.0.1' });
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  it('ends its connections with itself, on both sides', async () => {
    const ended = Promise.withResolvers<undefined>();
    const inside = await listen((socket) => {
      socket.on('error', () => undefined).once('end', () => ended.resolve(undefined));
      socket.resume().write('hello');
    });
    const made = await forward(0, inside);
    const client = connect({ port: made?.localPort ?? 0, host: '127.0.0.1' });
    client.on('error', () => undefined);
    await once(client, 'data');
    made?.dispose();
    await once(client, 'close');
    await ended.promise;
  });
});
