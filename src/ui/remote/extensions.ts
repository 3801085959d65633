import type { EnvironmentAccess } from '../../environments/environment.ts';

/** An extension that opens windows elsewhere. */
export interface RemoteExtension {
  readonly id: string;
  readonly name: string;
  /** What it calls itself in the authority of an address. */
  readonly by: 'ssh-remote' | 'attached-container';
}

/**
 * Those whose addresses are known, the more fitting first: what goes over SSH opens both kinds alike.
 * All over SSH took the format over from the first.
 */
export const remoteExtensions: readonly RemoteExtension[] = [
  { id: 'ms-vscode-remote.remote-ssh', name: 'Remote - SSH', by: 'ssh-remote' },
  { id: 'jeanp413.open-remote-ssh', name: 'Open Remote - SSH', by: 'ssh-remote' },
  { id: 'anysphere.remote-ssh', name: 'Remote - SSH (Cursor)', by: 'ssh-remote' },
  { id: 'codeium.windsurf-remote-openssh', name: 'Remote - SSH (Windsurf)', by: 'ssh-remote' },
  { id: 'ms-vscode-remote.remote-containers', name: 'Dev Containers', by: 'attached-container' },
  { id: 'anysphere.remote-containers', name: 'Dev Containers (Cursor)', by: 'attached-container' },
];

/** The installed ones that can open this environment. */
export function fittingExtensions(
  isInstalled: (id: string) => boolean,
  access: EnvironmentAccess,
): readonly RemoteExtension[] {
  return remoteExtensions.filter(
    ({ id, by }) => isInstalled(id) && (by === 'ssh-remote' || access.by === 'engine'),
  );
}

/** Which one to offer where none is installed: Microsoft's runs in Microsoft's editor only. */
export function installableExtension(appName: string): RemoteExtension | undefined {
  const id = /visual studio code/i.test(appName) ? 'ms-vscode-remote.remote-ssh' : 'jeanp413.open-remote-ssh';
  return remoteExtensions.find((extension) => extension.id === id);
}

/** The parts of the `vscode-remote://` address that the extension opens. */
export function remoteAddress(
  extension: RemoteExtension,
  access: EnvironmentAccess,
  alias: string,
): { readonly authority: string; readonly path: string } {
  if (extension.by === 'ssh-remote' || access.by !== 'engine') {
    return { authority: `ssh-remote+${alias}`, path: access.workspaceFolder };
  }
  const name = JSON.stringify({ containerName: `/${access.containerName}` });
  return {
    authority: `attached-container+${Buffer.from(name).toString('hex')}`,
    path: access.workspaceFolder,
  };
}
