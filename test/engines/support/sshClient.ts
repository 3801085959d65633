import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SshServer } from './sshServer.ts';

/** What ssh is told of the test's server, as a person's `~/.ssh/config` and `known_hosts` would. */
export interface Client {
  /** Lines of known hosts. */
  readonly known?: string;
  /** Absolute path of the private key. */
  readonly key?: string;
}

/**
 * OpenSSH looks up the home folder by itself: only a program in its place can give it another config.
 * @param place folder that is made for it
 * @returns the PATH on which it stands before the system's ssh
 */
export function sshOf(server: SshServer, place: string, client: Client = {}): string {
  const { known = knownKey(server, 'host'), key = server.key } = client;
  mkdirSync(place, { recursive: true });
  writeFileSync(path.join(place, 'known'), known);
  writeFileSync(
    path.join(place, 'config'),
    `UserKnownHostsFile ${place}/known\nGlobalKnownHostsFile none\nIdentityFile ${key}\nIdentitiesOnly yes\nStrictHostKeyChecking yes\n`,
  );
  const real = execFileSync('sh', ['-c', 'command -v ssh'], { encoding: 'utf8' }).trim();
  // Who says which config to read gets that one: an option given twice counts the last time.
  writeFileSync(path.join(place, 'ssh'), `#!/bin/sh\nexec ${real} -F ${place}/config "$@"\n`);
  chmodSync(path.join(place, 'ssh'), 0o755);
  return `${place}:${process.env['PATH'] ?? ''}`;
}

/** A line of known hosts for the server. @param name whose key: `host`, or `client` for somebody else's */
export function knownKey(server: SshServer, name: 'host' | 'client'): string {
  const [type = '', key = ''] = readFileSync(path.join(server.folder, `${name}.pub`), 'utf8').split(' ');
  return `[127.0.0.1]:${server.port} ${type} ${key}\n`;
}
