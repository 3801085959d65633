import { describe, expect, it } from 'vitest';
import type { EnvironmentAccess } from '../../../../src/environments/environment.ts';
import {
  fittingExtensions,
  installableExtension,
  remoteAddress,
  remoteExtensions,
} from '../../../../src/ui/remote/extensions.ts';

const container: EnvironmentAccess = {
  by: 'engine',
  engine: 'unix:///var/run/docker.sock',
  tlsFolder: undefined,
  containerId: '0f',
  containerName: 'eager_hopper',
  labels: [],
  env: {},
  user: 'dev',
  workspaceFolder: '/workspaces/api',
};
const vm: EnvironmentAccess = {
  by: 'ssh',
  host: '192.168.121.5',
  port: 22,
  identityFile: '/k',
  hostKeys: [],
  user: 'dev',
  workspaceFolder: '/workspaces/api',
};

const addressOf = (id: string, access: EnvironmentAccess, alias: string): unknown => {
  const extension = remoteExtensions.find((one) => one.id === id);
  return extension && remoteAddress(extension, access, alias);
};

describe('the address of a remote window', () => {
  it.each([
    'ms-vscode-remote.remote-ssh',
    'jeanp413.open-remote-ssh',
    'anysphere.remote-ssh',
    'codeium.windsurf-remote-openssh',
  ])('is the alias and the folder inside, for %s', (id) => {
    const expected = { authority: 'ssh-remote+switchyard-api-vm', path: '/workspaces/api' };
    expect(addressOf(id, vm, 'switchyard-api-vm')).toEqual(expected);
    expect(addressOf(id, container, 'switchyard-api-vm')).toEqual(expected);
  });

  it.each(['ms-vscode-remote.remote-containers', 'anysphere.remote-containers'])(
    'is the container in hexadecimal digits, for %s',
    (id) => {
      expect(addressOf(id, container, 'x')).toEqual({
        // {"containerName":"/eager_hopper"}
        authority: 'attached-container+7b22636f6e7461696e65724e616d65223a222f65616765725f686f70706572227d',
        path: '/workspaces/api',
      });
    },
  );
});

describe('the extensions', () => {
  it('are those that are installed and can open the environment, SSH first', () => {
    const installed = new Set(['ms-vscode-remote.remote-containers', 'jeanp413.open-remote-ssh']);
    const ids = (access: EnvironmentAccess): string[] =>
      fittingExtensions((id) => installed.has(id), access).map(({ id }) => id);
    expect(ids(container)).toEqual(['jeanp413.open-remote-ssh', 'ms-vscode-remote.remote-containers']);
    expect(ids(vm)).toEqual(['jeanp413.open-remote-ssh']);
  });

  it('offered are those that the editor may install', () => {
    expect(installableExtension('Visual Studio Code')?.id).toBe('ms-vscode-remote.remote-ssh');
    expect(installableExtension('VSCodium')?.id).toBe('jeanp413.open-remote-ssh');
  });
});
