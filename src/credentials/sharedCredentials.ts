import * as l10n from '@vscode/l10n';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import { SwitchyardError } from '../base/errors.ts';
import type { Connection, GuestSocket } from '../connections/connection.ts';
import { gitVariables } from './gitRequest.ts';
import type { HostCredentials } from './hostCredentials.ts';

export const credentialKinds = ['sshAgent', 'git'] as const;
export type CredentialKind = (typeof credentialKinds)[number];

/**
 * Credentials of this computer that can be used inside while this lives: sockets that only the connection's user
 * reaches, and variables that name them. Nothing secret is written there, and nobody answers once the connection is
 * closed.
 */
export class SharedCredentials implements Disposable {
  readonly kinds: readonly CredentialKind[];
  /** What programs inside are started with. */
  readonly variables: Readonly<Record<string, string>>;
  readonly #sockets: Disposable;

  private constructor(
    kinds: readonly CredentialKind[],
    variables: Readonly<Record<string, string>>,
    sockets: Disposable,
  ) {
    this.kinds = kinds;
    this.variables = variables;
    this.#sockets = sockets;
  }

  /** @throws SwitchyardError where this computer has none, or they cannot be brought in */
  static async open(
    connection: Connection,
    host: HostCredentials,
    kinds: readonly CredentialKind[],
    signal: AbortSignal,
  ): Promise<SharedCredentials> {
    const sockets = new DisposableStore();
    const listen = async (
      ...args: Parameters<NonNullable<Connection['listenUnix']>>
    ): Promise<GuestSocket> => {
      if (!connection.listenUnix) throw unsupported();
      return sockets.add(await connection.listenUnix(...args));
    };
    const variables: Record<string, string> = {};
    try {
      if (kinds.includes('sshAgent')) {
        host.agentAddress();
        const socket = await listen((stream) => host.serveAgent(stream), signal);
        variables['SSH_AUTH_SOCK'] = socket.path;
      }
      if (kinds.includes('git')) {
        const socket = await listen((stream) => void host.serveGit(stream), signal);
        Object.assign(variables, gitVariables(socket.path));
      }
    } catch (error) {
      sockets.dispose();
      throw error;
    }
    return new SharedCredentials(kinds, variables, sockets);
  }

  dispose(): void {
    this.#sockets.dispose();
  }
}

function unsupported(): SwitchyardError {
  return new SwitchyardError({
    code: 'config.unsupported',
    what: l10n.t('Credentials cannot be shared with this environment.'),
    why: l10n.t('The way into it brings no socket of this computer.'),
    next: l10n.t('Share them with another one.'),
  });
}
