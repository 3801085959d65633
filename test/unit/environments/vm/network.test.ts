import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CommandFailed, type Runner } from '../../../../src/base/process.ts';
import {
  ensureNetwork,
  freeSubnet,
  networkXml,
  routedSubnets,
} from '../../../../src/environments/vm/network.ts';

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

  it('on another computer is the first that its libvirt starts', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'switchyard-network-'));
    const calls: string[] = [];
    let starts = 0;
    const runner: Runner = {
      run: (command) => {
        const call = command.args[3] ?? '';
        calls.push(call);
        const failed = (stderr: string): Promise<never> =>
          Promise.reject(
            new CommandFailed({ program: 'virsh', args: [], reason: 'exit', exitCode: 1, stderr }),
          );
        if (call === 'net-dumpxml') return failed('error: failed to get network');
        if (call === 'net-start' && (starts += 1) < 3) {
          return failed('error: internal error: Network is already in use by interface virbr1');
        }
        return Promise.resolve(command.parse(''));
      },
    };
    try {
      const where = { folder, isElsewhere: true };
      const { subnet } = await ensureNetwork(runner, where, new AbortController().signal);
      expect(subnet).toBe('192.168.241.0/24');
      expect(calls.filter((call) => call === 'net-undefine')).toHaveLength(2);
      expect(calls.at(-1)).toBe('net-autostart');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
