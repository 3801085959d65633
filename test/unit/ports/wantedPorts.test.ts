import { describe, expect, it } from 'vitest';
import { readPorts } from '../../../src/config/ports.ts';
import type { Listener } from '../../../src/ports/listeners.ts';
import { projectsListeners, wantedPorts, type WantedPort } from '../../../src/ports/wantedPorts.ts';

const listener = (port: number, uid = 1000): Listener => ({
  port,
  hosts: ['127.0.0.1'],
  uid,
  command: undefined,
});
const config = readPorts(
  { forwardPorts: [3000], portsAttributes: { '5000': { onAutoForward: 'ignore' } } },
  false,
);
const person = (port: number): [string, WantedPort] => [
  String(port),
  { host: undefined, port, localPort: 9000, origin: 'person' },
];

describe('wantedPorts', () => {
  const origins = (wanted: ReadonlyMap<string, WantedPort>): Record<string, string> =>
    Object.fromEntries([...wanted].map(([key, { origin }]) => [key, origin]));

  it('asks the person first, then the config, then what listens', () => {
    const active = { config, found: [3000, 3001, 3002, 5000].map((port) => listener(port)) };
    const persons = new Map([person(3001)]);
    expect(origins(wantedPorts({ active, persons, ended: new Set() }))).toEqual({
      3000: 'config',
      3001: 'person',
      3002: 'found',
    });
  });

  it('leaves out what was ended, but not what the person asks for', () => {
    const active = { config, found: [listener(3001)] };
    const ended = new Set(['3000', '3001']);
    expect(origins(wantedPorts({ active, persons: new Map([person(3001)]), ended }))).toEqual({
      3001: 'person',
    });
  });

  it('keeps only what the person asked for where the environment is not the active one', () => {
    const persons = new Map([person(3001)]);
    expect(origins(wantedPorts({ persons, ended: new Set() }))).toEqual({ 3001: 'person' });
  });
});

describe('projectsListeners', () => {
  it("leaves out the system's, the hidden and the published", () => {
    const published = { ...config, published: [8080] };
    const listeners = [listener(22, 0), listener(80, 0), listener(3000), listener(4000), listener(8080)];
    const parts = { config: published, hidden: new Set([4000]), user: 'dev' };
    expect(projectsListeners(listeners, parts).map(({ port }) => port)).toEqual([3000]);
  });
});
