import path from 'node:path';
import type { Duplex } from 'node:stream';
import * as l10n from '@vscode/l10n';
import type { AcceptConnection, Client, ClientChannel, RejectConnection } from 'ssh2';
import { isCancellation, SwitchyardError } from '../base/errors.ts';
import type { Connection, GuestSocket } from './connection.ts';
import { run } from './run.ts';

/** Bound on making and taking away a folder for a socket, in milliseconds. */
const folderMs = 20_000;

/** ssh2 has it, and its types do not (its client.js, `unix connection`). */
interface UnixEvents {
  on(
    event: 'unix connection',
    listener: (
      info: { readonly socketPath: string },
      accept: AcceptConnection<ClientChannel>,
      reject: RejectConnection,
    ) => void,
  ): unknown;
}

type Forwarding = (begin: (done: (error: Error | undefined) => void) => void) => Promise<void>;

/** The unix sockets inside that are brought here over one login (OpenSSH's streamlocal forwarding). */
export class SshSockets {
  readonly #connection: Connection;
  readonly #client: Client;
  readonly #listeners = new Map<string, (stream: Duplex) => void>();

  constructor(connection: Connection, client: Client) {
    this.#connection = connection;
    this.#client = client;
    (client as UnixEvents).on('unix connection', ({ socketPath }, accept, reject) => {
      const onStream = this.#listeners.get(socketPath);
      if (onStream) onStream(accept());
      else reject();
    });
  }

  /** As `Connection.listenUnix`. @param forwarding asks the server, within bounds */
  async listen(
    onStream: (stream: Duplex) => void,
    forwarding: Forwarding,
    signal: AbortSignal,
  ): Promise<GuestSocket> {
    const { code, stdout, stderr } = await run(
      this.#connection,
      { argv: ['mktemp', '-d', '/tmp/switchyard-XXXXXXXXXX'], cwd: '/' },
      AbortSignal.any([signal, AbortSignal.timeout(folderMs)]),
    );
    const folder = stdout.toString().trim();
    if (code !== 0 || !folder.startsWith('/tmp/')) throw noFolder(stderr.toString().trim());
    const socket = path.posix.join(folder, 'socket');
    this.#listeners.set(socket, onStream);
    try {
      await forwarding((done) =>
        this.#client.openssh_forwardInStreamLocal(socket, (error) => done(error ?? undefined)),
      );
    } catch (error) {
      this.#forget(socket, folder);
      throw error;
    }
    return { path: socket, dispose: () => this.#end(socket, folder) };
  }

  #end(socket: string, folder: string): void {
    if (!this.#listeners.has(socket)) return;
    if (!this.#connection.isClosed) this.#client.openssh_unforwardInStreamLocal(socket, () => undefined);
    this.#forget(socket, folder);
  }

  /** sshd leaves the file of a socket where it is. */
  #forget(socket: string, folder: string): void {
    this.#listeners.delete(socket);
    if (this.#connection.isClosed) return;
    run(this.#connection, { argv: ['rm', '-rf', folder], cwd: '/' }, AbortSignal.timeout(folderMs)).catch(
      (error: unknown) => {
        // A file that nobody answers behind; the machine may be gone, too.
        if (!isCancellation(error) && !(error instanceof SwitchyardError)) throw error;
      },
    );
  }
}

function noFolder(why: string): SwitchyardError {
  return new SwitchyardError({
    code: 'ssh.failed',
    what: l10n.t('Nothing of this computer can be brought into the virtual machine.'),
    why,
    next: l10n.t('See whether its /tmp can be written to.'),
    remedies: [{ do: 'retry' }],
  });
}
