import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { sshArguments } from '../../../src/connections/sshBulk.ts';
import type { SshTarget } from '../../../src/connections/sshLogin.ts';

const target = { host: '127.0.0.1', port: 2222, user: 'dev', identityFile: "/home/a b/50%d it's/key" };

describe('what ssh is told', () => {
  /** As ssh itself understood it: `-G` prints the options, and connects to nobody. */
  const understood = (more: Partial<SshTarget> = {}): Map<string, string> => {
    const args = sshArguments({ ...target, ...more }, '/tmp/a known/hosts', 'true');
    const lines = execFileSync('ssh', ['-G', ...args], { encoding: 'utf8' }).split('\n');
    return new Map(lines.map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]));
  };

  it('insists on the known keys and on this login alone, and shares no connection', () => {
    const options = understood();
    expect(options.get('hostname')).toBe('127.0.0.1');
    expect(options.get('port')).toBe('2222');
    expect(options.get('user')).toBe('dev');
    expect(options.get('stricthostkeychecking')).toBe('true');
    expect(options.get('hostkeyalias')).toBe('switchyard');
    expect(options.get('identitiesonly')).toBe('yes');
    expect(options.get('identityagent')).toBe('none');
    expect(options.get('batchmode')).toBe('yes');
    expect(options.get('controlmaster')).toBe('false');
    expect(options.get('forwardagent')).toBe('no');
    expect(options.get('ciphers')?.split(',')[0]).toBe('aes128-gcm@openssh.com');
  });

  it('hands it paths with spaces and per cent signs whole', () => {
    const options = understood();
    expect(options.get('identityfile')?.replaceAll('%%', '%')).toBe(target.identityFile);
    expect(options.get('userknownhostsfile')).toBe('/tmp/a known/hosts');
    expect(options.get('globalknownhostsfile')).toBe('/tmp/a known/hosts');
  });

  it('goes over the other computer where the machine is on its network', () => {
    expect(understood().get('proxycommand')).toBeUndefined();
    const through = { host: 'far', user: 'me', port: '2200' };
    expect(understood({ through }).get('proxycommand')).toBe(
      'ssh -T -o BatchMode=yes -o ConnectTimeout=30 -l me -p 2200 -W 127.0.0.1:2222 -- far',
    );
  });
});
