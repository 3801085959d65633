import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { pollUntil } from '../../../../src/base/abort.ts';
import { Emitter } from '../../../../src/base/event.ts';
import type { EnvironmentKind, GuestKind } from '../../../../src/base/kinds.ts';
import { silentLogger } from '../../../../src/base/log.ts';
import { readPorts } from '../../../../src/config/ports.ts';
import type { Environment } from '../../../../src/environments/environment.ts';
import type { ProjectModel } from '../../../../src/ui/model/projectModel.ts';
import type { WindowProjects } from '../../../../src/ui/model/windowProjects.ts';
import { WindowPorts } from '../../../../src/ui/ports/windowPorts.ts';
import { LocalConnection } from '../../../engines/support/localConnection.ts';

const never = new AbortController().signal;

/** A number that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

it('a port goes over to the other kind with its number when that becomes the active one', async () => {
  const port = await freePort();
  const connection = new LocalConnection();
  const config = { forwardPorts: [port], otherPortsAttributes: { onAutoForward: 'ignore' } };
  const environmentOf = (kind: GuestKind): Environment =>
    ({
      kind,
      status: { state: 'running' },
      onDidChangeStatus: new Emitter<unknown>().event,
      connect: () => Promise.resolve(connection),
      details: () => Promise.resolve({ ports: readPorts(config, false) }),
    }) as unknown as Environment;
  const environments = [environmentOf('container'), environmentOf('vm')];
  const switched = new Emitter<EnvironmentKind>();
  const switcher = { active: 'container' as EnvironmentKind, onDidChangeActive: switched.event };
  const loaded = new Emitter<void>();
  const projects = {
    models: [{ environments, switcher, window: { inside: undefined } } as unknown as ProjectModel],
    onDidChange: loaded.event,
  } as unknown as WindowProjects;
  const ports = new WindowPorts(projects, silentLogger);
  try {
    loaded.fire();
    const forwarded = (): (number | undefined)[] =>
      environments.map((environment) => ports.of(environment).list[0]?.localPort);
    const become = async (wanted: readonly (number | undefined)[]): Promise<void> => {
      await pollUntil(
        () => Promise.resolve(JSON.stringify(forwarded()) === JSON.stringify(wanted) ? true : undefined),
        { everyMs: 10, timeoutMs: 20_000, signal: never },
      );
      expect(forwarded()).toEqual(wanted);
    };
    await become([port, undefined]);
    for (const [kind, wanted] of [
      ['vm', [undefined, port]],
      ['container', [port, undefined]],
      ['host', [undefined, undefined]],
    ] as const) {
      switcher.active = kind;
      switched.fire(kind);
      await become(wanted);
    }
  } finally {
    ports.dispose();
    connection.dispose();
  }
});
