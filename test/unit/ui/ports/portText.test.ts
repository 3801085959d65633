import { describe, expect, it } from 'vitest';
import { readPorts } from '../../../../src/config/ports.ts';
import type { ForwardedPort } from '../../../../src/ports/environmentPorts.ts';
import { browserAddress, portRow, portsRow } from '../../../../src/ui/ports/portText.ts';

function port(more: Partial<ForwardedPort> = {}): ForwardedPort {
  return {
    key: '3000',
    host: undefined,
    port: 3000,
    localPort: 3000,
    origin: 'found',
    attributes: { label: undefined, protocol: undefined, onAutoForward: 'notify', requireLocalPort: false },
    listening: true,
    command: '/usr/bin/python3 -m http.server',
    ...more,
  };
}
const labelled = { ...port().attributes, label: 'Web', protocol: 'https' as const };

describe('portsRow', () => {
  const config = readPorts(
    { forwardPorts: [8000, 'db:5432'], portsAttributes: { 8000: { label: 'Web' } } },
    true,
  );

  it('counts what is forwarded, and names the addresses', () => {
    const row = portsRow(config, [port({ localPort: 3001 })], true);
    expect(row?.description).toBe('1 forwarded');
    expect(row?.tooltip).toContain('3000 at 127.0.0.1:3001');
  });

  it('names those of the config while nothing is forwarded', () => {
    expect(portsRow(config, [], false)?.description).toBe('8000 Web, db:5432');
  });

  it('is there for whoever wants to forward one, while it runs', () => {
    expect(portsRow(readPorts({}, true), [], true)?.description).toBe('none forwarded');
    expect(portsRow(readPorts({}, true), [], false)).toBeUndefined();
  });
});

describe('portRow', () => {
  it('says the number, and who listens', () => {
    expect(portRow(port())).toMatchObject({ label: '3000', description: 'python3' });
    expect(portRow(port({ attributes: labelled, command: 'node' })).description).toBe('Web · node');
  });

  it('says the other number where it is another one here', () => {
    expect(portRow(port({ localPort: 3001 })).label).toBe('3000 → 3001');
    const service = port({ key: 'db:5432', host: 'db', port: 5432, localPort: 5432, listening: undefined });
    expect(portRow(service).label).toBe('db:5432 → 5432');
  });

  it('says where nobody listens', () => {
    expect(portRow(port({ listening: false, command: undefined })).description).toBe('nobody listens yet');
  });
});

describe('browserAddress', () => {
  it('takes the protocol of the attributes', () => {
    expect(browserAddress(port())).toBe('http://127.0.0.1:3000/');
    expect(browserAddress(port({ attributes: labelled }))).toBe('https://127.0.0.1:3000/');
  });
});
