import { describe, expect, it } from 'vitest';
import { attributesOf, parseGuestPort, readPorts } from '../../../src/config/ports.ts';

const self = (port: number) => ({ host: undefined, port });

describe('readPorts', () => {
  it('reads forwardPorts as numbers, as texts and of other services, each once', () => {
    const { forward } = readPorts(
      { forwardPorts: [3000, '3001', 'db:5432', 'localhost:3000', 'x', 0, {}] },
      true,
    );
    expect(forward).toEqual([
      { host: undefined, port: 3000, localPort: 3000 },
      { host: undefined, port: 3001, localPort: 3001 },
      { host: 'db', port: 5432, localPort: 5432 },
    ]);
  });

  it('leaves appPort to an engine that publishes it, and forwards it where none does', () => {
    const config = { appPort: [8000, '8080:80', '127.0.0.1:9090:90/tcp', '53:53/udp'] };
    expect(readPorts(config, true)).toMatchObject({ forward: [], published: [8000, 80, 90] });
    expect(readPorts(config, false)).toMatchObject({
      forward: [
        { port: 8000, localPort: 8000 },
        { port: 80, localPort: 8080 },
        { port: 90, localPort: 9090 },
      ],
      published: [],
    });
    expect(readPorts({ appPort: '7000' }, true).published).toEqual([7000]);
  });

  it('bears with values of any shape', () => {
    const config = { forwardPorts: 'x', portsAttributes: [null], otherPortsAttributes: 3, appPort: { a: 1 } };
    expect(attributesOf(readPorts(config, false), self(1), undefined).onAutoForward).toBe('notify');
  });
});

describe('attributesOf', () => {
  const config = readPorts(
    {
      portsAttributes: {
        '40000-40010': { label: 'Range', onAutoForward: 'silent' },
        'node .*/server\\.js': { label: 'Server', protocol: 'https', requireLocalPort: true },
        '40005': { label: 'Exact' },
        'db:5432': { label: 'Database', onAutoForward: 'unheard of' },
        '(': { label: 'Broken' },
      },
      otherPortsAttributes: { onAutoForward: 'ignore' },
    },
    true,
  );
  const label = (port: number, command?: string) => attributesOf(config, self(port), command).label;

  it('goes by the number before the range, and by both before the command line', () => {
    expect(label(40005, 'node /a/server.js')).toBe('Exact');
    expect(label(40000, 'node /a/server.js')).toBe('Range');
    expect(label(40010)).toBe('Range');
    expect(label(40011)).toBeUndefined();
    expect(label(3000, 'node /a/server.js')).toBe('Server');
  });

  it('tells a port of another service from the same port here', () => {
    expect(attributesOf(config, { host: 'db', port: 5432 }, undefined)).toEqual({
      label: 'Database',
      protocol: undefined,
      onAutoForward: 'notify',
      requireLocalPort: false,
    });
    expect(label(5432)).toBeUndefined();
  });

  it('gives what no rule names the attributes of all others', () => {
    expect(attributesOf(config, self(1), undefined).onAutoForward).toBe('ignore');
    expect(attributesOf(config, self(3000), 'node /a/server.js')).toEqual({
      label: 'Server',
      protocol: 'https',
      onAutoForward: 'notify',
      requireLocalPort: true,
    });
  });
});

describe('parseGuestPort', () => {
  it('takes a port, perhaps of a host, and nothing else', () => {
    expect(parseGuestPort(' 3000 ')).toEqual(self(3000));
    expect(parseGuestPort('db:1')).toEqual({ host: 'db', port: 1 });
    for (const text of ['', '65536', '0', 'a:b', '1:2:3', '-1', '3000/tcp']) {
      expect(parseGuestPort(text), text).toBeUndefined();
    }
  });
});
