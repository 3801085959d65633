import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { Emitter } from '../../base/event.ts';
import type {
  BulkProcess,
  BulkRequest,
  ExecRequest,
  ExitStatus,
  RemoteProcess,
} from '../../connections/connection.ts';
import { SshBulk } from '../../connections/sshBulk.ts';
import type { SyncConnection } from '../carrier.ts';
import { LentStream, type ToHost } from './lentStream.ts';
import type { LentConnection as Lent, LentProgram } from './messages.ts';

/** The connections, programs and streams that the extension host lends to the sync's process. */
export class LentConnections {
  readonly #host: ToHost;
  readonly #connections = new Map<number, LentConnection>();
  readonly #streams = new Map<number, LentStream>();
  readonly #programs = new Map<number, (status: ExitStatus) => void>();

  constructor(host: ToHost) {
    this.#host = host;
    host.hear('streamData', ({ stream, data }) => this.#streams.get(stream)?.give(data));
    host.hear('streamEnd', ({ stream, error }) => this.#streams.get(stream)?.over(error));
    host.hear('programExit', ({ program, status }) => {
      this.#programs.get(program)?.(status);
      this.#programs.delete(program);
    });
    host.hear('connectionClosed', ({ id }) => {
      this.#connections.get(id)?.close();
      this.#connections.delete(id);
    });
  }

  /** The same one for the same number, as long as it is open. */
  of(lent: Lent): SyncConnection {
    const known = this.#connections.get(lent.id);
    if (known) return known;
    const connection = new LentConnection(lent, this, this.#host);
    this.#connections.set(lent.id, connection);
    return connection;
  }

  stream(id: number, ways: { readable: boolean; writable: boolean }): LentStream {
    const stream = new LentStream(id, this.#host, ways, () => this.#streams.delete(id));
    this.#streams.set(id, stream);
    return stream;
  }

  program({ stdin, stdout, stderr }: LentProgram): RemoteProcess {
    const outlets = [
      this.stream(stdout, { readable: true, writable: false }),
      this.stream(stderr, { readable: true, writable: false }),
    ] as const;
    const inlet = this.stream(stdin, { readable: false, writable: true });
    const status = new Promise<ExitStatus>((resolve) => this.#programs.set(stdin, resolve));
    const end = (): void => {
      for (const outlet of outlets) outlet.resume();
      this.#host.tell('programEnd', { program: stdin });
    };
    return {
      stdin: inlet,
      ...{ stdout: outlets[0], stderr: outlets[1] },
      exit: status.then(async (found) => {
        // What it said last may not have been read yet.
        await Promise.all(outlets.map(async (outlet) => outlet.closed || (await ended(outlet))));
        return found;
      }),
      resize: () => undefined,
      kill: () => {
        end();
        return Promise.resolve();
      },
      dispose: end,
    };
  }

  dispose(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }
}

async function ended(stream: LentStream): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return;
  // Rejects with an error of the stream, which its reader hears of.
  await once(stream, 'close').catch(() => undefined);
}

/** A connection of the extension host, in the sync's own process. */
class LentConnection implements SyncConnection {
  readonly description: string;
  readonly user: string;
  readonly bulk?: NonNullable<SyncConnection['bulk']>;
  readonly connectUnix?: NonNullable<SyncConnection['connectUnix']>;
  readonly #id: number;
  readonly #all: LentConnections;
  readonly #host: ToHost;
  readonly #bulk: SshBulk | undefined;
  readonly #closed = new Emitter<Error | undefined>();
  readonly onDidClose = this.#closed.event;
  #isClosed = false;

  constructor(lent: Lent, all: LentConnections, host: ToHost) {
    this.#id = lent.id;
    this.#all = all;
    this.#host = host;
    this.description = lent.description;
    this.user = lent.user;
    if (lent.bulk) {
      const own = new SshBulk(lent.bulk);
      this.#bulk = own;
      this.bulk = (request: BulkRequest, signal: AbortSignal): Promise<BulkProcess | undefined> =>
        own.start(request, signal);
    }
    if (lent.hasUnix) this.connectUnix = (path, signal) => this.#connectUnix(path, signal);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async exec({ argv, cwd }: ExecRequest, signal: AbortSignal): Promise<RemoteProcess> {
    return this.#all.program(await this.#host.ask('exec', { connection: this.#id, argv, cwd }, signal));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#bulk?.dispose();
    this.#closed.fire(undefined);
    this.#closed.dispose();
  }

  async #connectUnix(path: string, signal: AbortSignal): Promise<Duplex> {
    const id = await this.#host.ask('connectUnix', { connection: this.#id, path }, signal);
    return this.#all.stream(id, { readable: true, writable: true });
  }
}
