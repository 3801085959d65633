import { once } from 'node:events';
import net from 'node:net';

/** A port of this computer that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Sends a text over a connection, closes that direction, and answers all that comes back. */
export async function exchange(socket: net.Socket, text: string | Buffer): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => parts.push(chunk));
  socket.end(text);
  await once(socket, 'close');
  return Buffer.concat(parts);
}

export async function connect(to: number | string): Promise<net.Socket> {
  const socket =
    typeof to === 'number'
      ? net.connect({ host: '127.0.0.1', port: to, allowHalfOpen: true })
      : net.connect(to);
  await once(socket, 'connect');
  return socket;
}

/** A connection through a SOCKS5 proxy, to a name that the other end looks up (RFC 1928). */
export async function socks(proxyPort: number, host: string, port: number): Promise<net.Socket> {
  const socket = await connect(proxyPort);
  const read = async (count: number): Promise<Buffer> => {
    for (;;) {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes) return bytes;
      if (socket.readableEnded || socket.destroyed) throw new Error('SOCKS: closed');
      await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
    }
  };
  socket.write(Buffer.from([5, 1, 0]));
  await read(2);
  const name = Buffer.from(host);
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port);
  socket.write(Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, portBytes]));
  const answer = await read(10);
  if (answer[1] !== 0) {
    socket.destroy();
    throw new Error(`SOCKS refused: ${answer[1]}`);
  }
  return socket;
}

/** A server of this computer that sends back what comes, upside down. */
export async function reverser(at: number | string): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const parts: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => parts.push(chunk));
    socket.on('end', () => socket.end(Buffer.concat(parts).reverse()));
    socket.on('error', () => undefined);
  });
  if (typeof at === 'number') server.listen(at, '127.0.0.1');
  else server.listen(at);
  await once(server, 'listening');
  return server;
}
