import { describe, expect, it } from 'vitest';
import { freeSubnet, networkXml, routedSubnets } from '../../../../src/environments/vm/network.ts';

describe('the network of the virtual machines', () => {
  it('takes a subnet that this computer does not use', () => {
    expect(freeSubnet(new Set())).toBe(243);
    expect(freeSubnet(new Set([243, 242, 121]))).toBe(241);
    const all = new Set(Array.from({ length: 256 }, (_one, third) => third));
    expect(() => freeSubnet(all)).toThrow(/192\.168\.0\.0\/16/);
  });

  it('reads the routes of proc(5)', () => {
    const table = [
      'Iface\tDestination\tGateway \tFlags',
      'eth0\t00000000\t010011AC\t0003',
      'tun0\t00F3A8C0\t00000000\t0001',
      'eth0\t000011AC\t00000000\t0001',
    ].join('\n');
    expect(routedSubnets(table)).toEqual([243]);
    expect(routedSubnets('')).toEqual([]);
  });

  it('has no spanning tree protocol, which would keep a machine that wakes unheard for seconds', () => {
    expect(networkXml(243)).toContain("<bridge stp='off'");
    expect(networkXml(243)).toContain("address='192.168.243.1'");
  });
});
