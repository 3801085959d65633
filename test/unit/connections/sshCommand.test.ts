import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { remoteCommand } from '../../../src/connections/sshCommand.ts';
import { fingerprint, keyBlob, keyType } from '../../../src/connections/sshHostKey.ts';

const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((value) => !value.includes('\0'));

describe('the command line of an exec request', () => {
  it('brings arguments, variables and folder to the program as they are', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), text, (args, value) => {
        const command = remoteCommand({
          argv: ['/usr/bin/env', 'sh', '-c', 'printf "%s\\0" "$PWD" "$VALUE" "$@"', 'sh', ...args],
          env: { VALUE: value },
          cwd: '/tmp',
        });
        const printed = execFileSync('/bin/sh', ['-c', command]).toString('utf8').split('\0').slice(0, -1);
        // What is no whole character comes back as the replacement character.
        const whole = (one: string): string => Buffer.from(one, 'utf8').toString('utf8');
        expect(printed).toEqual(['/tmp', value, ...args].map(whole));
      }),
      { numRuns: 60 },
    );
  });

  it('runs a program whose name looks like a variable or an option', () => {
    expect(remoteCommand({ argv: ['a=b', 'c'] })).toBe(`exec env sh -c 'exec "$0" "$@"' a=b c`);
    expect(remoteCommand({ argv: ['-x'] })).toBe('exec env -- -x');
  });

  it('becomes another user with a session of nobody else', () => {
    expect(remoteCommand({ argv: ['id'], env: { A: 'b c' } }, { by: 'setpriv', user: 'dev' })).toBe(
      `exec setpriv --reuid dev --regid "$(id -g -- dev)" --init-groups --reset-env -- env 'A=b c' id`,
    );
    expect(remoteCommand({ argv: ['id'] }, { by: 'sudo', user: "o'x" })).toBe(
      `exec sudo -n -H -u 'o'\\''x' -- id`,
    );
  });

  it('refuses what cannot be a variable, and an empty request', () => {
    for (const name of ['', 'a=b', '-i']) {
      expect(() => remoteCommand({ argv: ['id'], env: { [name]: 'x' } })).toThrow(RangeError);
    }
    expect(() => remoteCommand({ argv: [] })).toThrow(RangeError);
  });
});

describe('host keys', () => {
  const line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github.com';

  it('have the type and the fingerprint that ssh-keygen shows', () => {
    expect(keyType(keyBlob(line))).toBe('ssh-ed25519');
    expect(fingerprint(keyBlob(line))).toBe('SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU');
  });

  it('that are none have no type', () => {
    expect(keyType(keyBlob(''))).toBe('');
  });
});
