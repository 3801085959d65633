import net from 'node:net';
import type { AddressInfo } from 'node:net';
import ssh2 from 'ssh2';
import { afterEach, describe, expect, it } from 'vitest';
import { run } from '../../../src/connections/run.ts';
import { connectSsh } from '../../../src/connections/sshConnection.ts';
import { generateKeys } from '../../../src/environments/vm/image/keys.ts';

const never = new AbortController().signal;

describe('a program over SSH that is over at once', () => {
  const ends: (() => void)[] = [];
  afterEach(() => ends.splice(0).forEach((end) => end()));

  it('tells its exit code, also where that comes in the same breath as its start', async () => {
    const keys = await generateKeys();
    // Everything that the server says of one command arrives as one piece.
    const server = new ssh2.Server({ hostKeys: [keys.hostPrivate] }, (client) => {
      client.on('authentication', (context) => context.accept());
      client.on('error', () => undefined);
      client.on('session', (accept) => {
        accept().on('exec', (started) => {
          const channel = started();
          channel.exit(7);
          channel.end();
        });
      });
    });
    const listener = net.createServer((socket) => {
      socket.setNoDelay(true);
      const write = socket.write.bind(socket);
      let held: Buffer[] = [];
      socket.write = (data: Buffer): boolean => {
        if (held.length === 0) {
          setImmediate(() => {
            write(Buffer.concat(held));
            held = [];
          });
        }
        held.push(Buffer.from(data));
        return true;
      };
      server.injectSocket(socket);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    ends.push(() => listener.close());
    const connection = await connectSsh(
      {
        host: '127.0.0.1',
        port: (listener.address() as AddressInfo).port,
        user: 'somebody',
        privateKey: keys.userPrivate,
        hostKeys: [keys.hostPublic],
      },
      { env: {} },
      never,
    );
    ends.push(() => connection.dispose());
    expect((await run(connection, { argv: ['false'] }, never)).code).toBe(7);
  });
});
