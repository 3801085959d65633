import { describe, expect, it } from 'vitest';
import { hostsOf, isSystems, parseListeners } from '../../../src/ports/listeners.ts';

/** Recorded in a container of Debian 12; the command lines as our program adds them. */
const rows = [
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 91823 1 000000003ac1 100 0 0 10 0\tperl /srv/server.pl',
  '   1: 0B00007F:8A3D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 91002 1 000000004b12 100 0 0 10 0\t',
  '   2: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 91900 1 000000004b99 100 0 0 10 0\tnode /a b/x.js',
  '   3: 0100007F:1F40 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 91950 1 00000000aabb 20 4 30 10 -1',
  '   4: 0500A8C0:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 91951 1 00000000aabc 100 0 0 10 0',
  '   0: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 91901 1 000000001111 100 0 0 10 0\tnode /a b/x.js',
  '   1: 00000000000000000000000001000000:1F41 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 91902 1 000000002222 100 0 0 10 0\t',
  '   2: 0000000000000000FFFF00000100007F:1F42 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 91903 1 000000003333 100 0 0 10 0\t',
  '   3: B80D01200000000000000000050000FE:1F43 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 91904 1 000000004444 100 0 0 10 0\t',
];

describe('parseListeners', () => {
  it('finds who listens, once a port, with the addresses that reach it', () => {
    expect(parseListeners(rows)).toEqual([
      { port: 3000, hosts: ['127.0.0.1', '::1'], uid: 1000, command: 'node /a b/x.js' },
      { port: 8000, hosts: ['127.0.0.1'], uid: 1000, command: 'perl /srv/server.pl' },
      { port: 8001, hosts: ['::1'], uid: 0, command: undefined },
      { port: 8002, hosts: ['127.0.0.1'], uid: 0, command: undefined },
      { port: 8003, hosts: ['2001:db8:0:0:0:0:fe00:5'], uid: 0, command: undefined },
      { port: 9090, hosts: ['192.168.0.5'], uid: 0, command: undefined },
    ]);
  });

  it('bears with rows that are none', () => {
    expect(parseListeners(['', 'x', '0: zz:zz q 0A', '1: 0100007F 0:0 0A'])).toEqual([]);
  });
});

describe('isSystems', () => {
  it("leaves out SSH's server and what root runs on low ports, unless the project is root's itself", () => {
    const at = (port: number, uid: number) => ({ port, uid, hosts: [], command: undefined });
    expect(isSystems(at(22, 1000), 'root')).toBe(true);
    expect(isSystems(at(53, 0), 'dev')).toBe(true);
    expect(isSystems(at(80, 0), 'root')).toBe(false);
    expect(isSystems(at(80, 1000), 'dev')).toBe(false);
    expect(isSystems(at(8080, 0), 'dev')).toBe(false);
  });
});

describe('hostsOf', () => {
  it('looks where it listens, at a service by its name, and at both loopback addresses else', () => {
    const listener = { port: 1, hosts: ['::1'], uid: 0, command: undefined };
    expect(hostsOf({ host: undefined, port: 1 }, listener)).toEqual(['::1']);
    expect(hostsOf({ host: undefined, port: 1 }, undefined)).toEqual(['127.0.0.1', '::1']);
    expect(hostsOf({ host: 'db', port: 1 }, undefined)).toEqual(['db']);
  });
});
