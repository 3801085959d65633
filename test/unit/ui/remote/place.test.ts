import { describe, expect, it } from 'vitest';
import type { SshEntry } from '../../../../src/ssh/config/entry.ts';
import { placeOf, type FolderAddress } from '../../../../src/ui/remote/place.ts';

const entry = (kind: 'container' | 'vm', more: Partial<SshEntry> = {}): SshEntry => ({
  version: 1,
  alias: `switchyard-api-${kind}`,
  projectId: '0123456789ab',
  projectName: 'API',
  projectFolder: '/home/ada/api',
  kind,
  user: 'dev',
  hostKeys: [],
  workspaceFolder: '/workspaces/api',
  way: { by: 'proxy', argv: ['node'], env: {} },
  ...more,
});
const entries = [entry('container', { containerName: 'eager_hopper' }), entry('vm')];
const remote = (authority: string, path = '/workspaces/api'): FolderAddress => ({
  scheme: 'vscode-remote',
  authority,
  path,
  fsPath: path,
});
const hex = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('hex');

describe('whose folder a window shows', () => {
  it("is this computer's own where its address is a file's", () => {
    expect(placeOf({ scheme: 'file', authority: '', path: '/w', fsPath: '/w' }, [])).toEqual({
      folder: '/w',
      inside: undefined,
    });
  });

  it.each([
    ['ssh-remote+switchyard-api-container', 'container'],
    ['ssh-remote+switchyard-api-vm', 'vm'],
    [`ssh-remote+${hex({ hostName: 'switchyard-api-vm' })}`, 'vm'],
    [`attached-container+${hex({ containerName: '/eager_hopper' })}`, 'container'],
  ] as const)('is the project of the environment that %s is', (authority, inside) => {
    const place = { folder: '/home/ada/api', inside };
    expect(placeOf(remote(authority), entries)).toEqual(place);
    expect(placeOf(remote(authority, '/workspaces/api/'), entries)).toEqual(place);
  });

  it.each([
    remote('ssh-remote+elsewhere'),
    remote('ssh-remote+switchyard-api-vm', '/workspaces/other'),
    remote('ssh-remote+switchyard-api-vm', '/'),
    remote('ssh-remote+abcd'),
    remote(`ssh-remote+${hex('switchyard-api-vm')}`),
    remote(`attached-container+${hex({ containerName: '/other' })}`),
    remote('wsl+switchyard-api-vm'),
    remote('switchyard-api-vm'),
    remote(''),
    { scheme: 'vscode-vfs', authority: 'github', path: '/api', fsPath: '/api' },
  ])('is nobody’s that is known: $authority $path', (address) => {
    expect(placeOf(address, entries)).toBeUndefined();
  });
});
