import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../../src/base/abort.ts';
import { Emitter } from '../../../src/base/event.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { readPorts, type PortProperties } from '../../../src/config/ports.ts';
import type { Environment, EnvironmentState } from '../../../src/environments/environment.ts';
import { EnvironmentPorts, type ForwardedPort } from '../../../src/ports/environmentPorts.ts';
import { LocalConnection } from '../../engines/support/localConnection.ts';

const never = new AbortController().signal;

/** An environment that "runs" on this computer, so its listeners are this computer's. */
class Here {
  state: EnvironmentState = 'running';
  active = true;
  config: PortProperties = { otherPortsAttributes: { onAutoForward: 'ignore' } };
  readonly connection = new LocalConnection();
  readonly changed = new Emitter<unknown>();

  get environment(): Environment {
    const state = (): EnvironmentState => this.state;
    return {
      kind: 'container',
      get status() {
        return { state: state() };
      },
      connect: () => Promise.resolve(this.connection),
      details: () => Promise.resolve({ ports: readPorts(this.config, false) }),
    } as unknown as Environment;
  }
}

let here: Here;
let ports: EnvironmentPorts;
let heard: ForwardedPort[];
const servers: Server[] = [];

beforeEach(() => {
  here = new Here();
  heard = [];
});
afterEach(() => {
  ports.dispose();
  here.connection.dispose();
  for (const server of servers.splice(0)) server.close();
});

function begin(options: { readonly leavesFound?: boolean } = {}): void {
  ports = new EnvironmentPorts(here.environment, {
    isActive: () => here.active,
    ...options,
    log: silentLogger,
  });
  ports.onDidListen((port) => heard.push(port));
}

/** A server that says who it is, on this port or any. */
async function serve(port = 0): Promise<number> {
  const server = createServer((socket) => socket.end('served')).listen(port, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const port = await serve();
  servers.pop()?.close();
  return port;
}

async function becomes(condition: () => boolean): Promise<void> {
  const met = await pollUntil(() => Promise.resolve(condition() ? true : undefined), {
    everyMs: 10,
    timeoutMs: 20_000,
    signal: never,
  });
  expect(met).toBe(true);
}

async function say(port: ForwardedPort | undefined): Promise<string> {
  return text(connect(port?.localPort ?? 0, '127.0.0.1'));
}

describe('EnvironmentPorts', () => {
  it('forwards what begins to listen, and no longer what ends', async () => {
    const port = await freePort();
    here.config = {
      portsAttributes: { [port]: { label: 'Found' } },
      otherPortsAttributes: { onAutoForward: 'ignore' },
    };
    begin();
    await ports.reload();
    expect(ports.list).toEqual([]);
    await serve(port);
    await becomes(() => ports.list.length === 1);
    const [found] = ports.list;
    // The same number is taken: the guest is this very computer.
    expect(found).toMatchObject({ port, origin: 'found', listening: true, attributes: { label: 'Found' } });
    expect(found?.command).toContain('node');
    expect(heard.map((one) => one.port)).toEqual([port]);
    expect(await say(found)).toBe('served');
    servers.pop()?.close();
    await becomes(() => ports.list.length === 0);
  });

  it('leaves what begins to listen to the editor where the window is inside, and keeps quiet', async () => {
    const [configured, found] = [await freePort(), await freePort()];
    here.config = {
      ...here.config,
      appPort: `${await freePort()}:${configured}`,
      portsAttributes: { [found]: { label: 'Found' } },
    };
    begin({ leavesFound: true });
    await ports.reload();
    await serve(found);
    await serve(configured);
    // Both began to listen before it: what there is to tell of them was told.
    await becomes(() => ports.list.some(({ port, listening }) => port === configured && listening === true));
    await ports.update();
    expect(ports.list).toMatchObject([{ port: configured, origin: 'config' }]);
    expect(heard).toEqual([]);
  });

  it('forwards the ports of the config at once, and says when somebody listens', async () => {
    const port = await freePort();
    here.config = { ...here.config, appPort: `${await freePort()}:${port}` };
    begin();
    await ports.reload();
    expect(ports.list).toMatchObject([{ port, origin: 'config' }]);
    await becomes(() => ports.list[0]?.listening === false);
    await serve(port);
    await becomes(() => ports.list[0]?.listening === true);
    expect(heard.map((one) => one.port)).toEqual([port]);
    expect(await say(ports.list[0])).toBe('served');
  });

  it('ends with the run, or with another active environment, and comes back', async () => {
    const port = await serve();
    here.config = { ...here.config, forwardPorts: [port] };
    begin();
    await ports.reload();
    const before = ports.list[0]?.localPort;
    for (const leave of [() => (here.state = 'suspended'), () => (here.active = false)]) {
      leave();
      await ports.update();
      expect(ports.list).toEqual([]);
      here.state = 'running';
      here.active = true;
      await ports.update();
      expect(ports.list[0]?.localPort).toBe(before);
    }
  });

  it('keeps what the person asked for while it is not the active one, and forgets it with the environment', async () => {
    const port = await serve();
    here.active = false;
    begin();
    const made = await ports.forward({ host: undefined, port });
    expect(await say(made)).toBe('served');
    here.state = 'stopped';
    await ports.update();
    expect(ports.list).toEqual([]);
    here.state = 'running';
    await ports.update();
    expect(ports.list).toMatchObject([{ port, origin: 'person' }]);
    here.state = 'absent';
    await ports.update();
    here.state = 'running';
    await ports.update();
    expect(ports.list).toEqual([]);
    here.state = 'stopped';
    await expect(ports.forward({ host: undefined, port })).rejects.toMatchObject({
      code: 'environment.gone',
    });
  });

  it('leaves alone what the person ended, until it is asked for', async () => {
    const port = await serve();
    here.config = { ...here.config, forwardPorts: [port] };
    begin();
    await ports.reload();
    await ports.stop(String(port));
    await ports.update();
    expect(ports.list).toEqual([]);
    await ports.forward({ host: undefined, port });
    expect(ports.list).toMatchObject([{ port, origin: 'person' }]);
  });

  it('says that a port is taken whose number the config insists on', async () => {
    const port = await serve();
    here.config = {
      forwardPorts: [port],
      portsAttributes: { [port]: { requireLocalPort: true } },
      otherPortsAttributes: { onAutoForward: 'ignore' },
    };
    begin();
    const failed: string[] = [];
    ports.onDidFail(({ code }) => failed.push(code));
    await ports.reload();
    await ports.update();
    expect(ports.list).toEqual([]);
    expect(failed).toEqual(['port.taken']);
  });
});
