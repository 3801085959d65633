import { describe, expect, it } from 'vitest';
import { dialArguments, sshAddress } from '../../../src/engines/sshDial.ts';

describe('an address of an engine over SSH', () => {
  it.each([
    ['ssh://build', { host: 'build', user: undefined, port: undefined, socket: undefined }],
    ['ssh://me@build.example:2222', { host: 'build.example', user: 'me', port: '2222', socket: undefined }],
    ['ssh://me@[fe80::1]:22/', { host: 'fe80::1', user: 'me', port: '22', socket: undefined }],
    ['ssh://me@build/run/a b.sock', { host: 'build', user: 'me', port: undefined, socket: '/run/a b.sock' }],
  ])('%s is taken apart', (endpoint, address) => {
    expect(sshAddress(endpoint)).toEqual(address);
  });

  it.each(['ssh://', 'ssh://-oProxyCommand=id', 'ssh://-l@host', 'ssh://host:port', 'tcp://host'])(
    '%s is refused',
    (endpoint) => {
      expect(() => sshAddress(endpoint)).toThrow(RangeError);
    },
  );

  it('gives ssh the host behind its options, and a shell over there no more than one word', () => {
    const args = dialArguments(sshAddress("ssh://me@build:2222/run/it's.sock"));
    expect(args.slice(args.indexOf('--'))).toEqual([
      ...['--', 'build', 'docker', '--host', "'unix:///run/it'\\''s.sock'", 'system', 'dial-stdio'],
    ]);
    expect(args.join(' ')).toContain('-l me -p 2222');
    expect(args).toContain('BatchMode=yes');
  });
});
