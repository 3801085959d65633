import type { Writable } from 'node:stream';
import type { Disposable } from '../base/disposable.ts';
import type { BulkProcess } from '../connections/connection.ts';
import type { SyncConnection } from './carrier.ts';

/** The guest's end of a stream of tar. */
export interface Unpacking extends Disposable {
  readonly stdin: Writable;
  /** A pipe of the system's, which another program may write into. */
  readonly isPipe: boolean;
  readonly exit: BulkProcess['exit'];
}

/** Blocks of 512 bytes that tar takes at once: a pipe's 64 KiB, where by itself it takes 10. */
export const blocking = 128;

/** By the environment: another tar than GNU's knows no such option, and reads as much as it likes. */
const intoFolder = `mkdir -m 755 "$folder" && TAR_OPTIONS='-b ${blocking}' exec tar -x -o -f - -C "$folder"`;
/**
 * Is told the folder by the first line of its input: then it can be logged in before that is known. Where a start-up
 * file of the shell took that line, what comes is the name in a header of tar, which is never absolute.
 */
const intoNamedFolder = `IFS= read -r folder && [ "\${folder#/}" != "$folder" ] && ${intoFolder}`;

/** Starts tar in the guest, by the connection or with a login of its own, which may be begun ahead. */
export class Unpacker {
  readonly #connection: SyncConnection;
  #ahead: Promise<BulkProcess | undefined> | undefined;
  #isAheadOver = false;

  constructor(connection: SyncConnection) {
    this.#connection = connection;
  }

  /** Whether there is a way of its own for much. */
  get hasOwnWay(): boolean {
    return this.#connection.bulk !== undefined;
  }

  /** True where a login is begun: then it takes no time, however little there is to send. */
  get isAhead(): boolean {
    return this.#ahead !== undefined;
  }

  /** Logs in already for the next stream that goes by a way of its own. */
  beginAhead(signal: AbortSignal): void {
    if (this.#isAheadOver || this.#ahead) return;
    this.#ahead = this.#logIn(signal);
    // Told by the stream that takes it.
    this.#ahead.catch(() => undefined);
  }

  /** Ends what was begun ahead and not used, and begins no more of it. */
  endAhead(): void {
    this.#isAheadOver = true;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    // One that did not come about is one less to end.
    ahead?.then((begun) => begun?.dispose()).catch(() => undefined);
  }

  /**
   * @param to absolute path of the folder, which is made; whether to go by a way of its own, where there is one
   * @throws what the connection throws; Error where its own way ended at once
   */
  async start(
    { folder, apart }: { readonly folder: string; readonly apart: boolean },
    signal: AbortSignal,
  ): Promise<Unpacking> {
    const own = apart && !folder.includes('\n') ? await this.#own(signal) : undefined;
    if (own?.stdin) {
      const { stdin } = own;
      await new Promise<void>((resolve, reject) => {
        stdin.write(`${folder}\n`, (error) => (error ? reject(error) : resolve()));
      });
      // A pipe of Windows cannot be handed to a program that does not expect it.
      const isPipe = process.platform !== 'win32';
      return { stdin, isPipe, exit: own.exit, dispose: () => own.dispose() };
    }
    const argv = ['sh', '-c', `folder=$1 && ${intoFolder}`, 'sh', folder];
    const remote = await this.#connection.exec({ argv, cwd: '/' }, signal);
    let said = '';
    remote.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1_000)));
    remote.stdout.resume();
    const exit = remote.exit.then(({ code }) => ({ code, said }));
    return { stdin: remote.stdin, isPipe: false, exit, dispose: () => remote.dispose() };
  }

  /** The one that was begun ahead, else a new one. */
  async #own(signal: AbortSignal): Promise<BulkProcess | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const begun = await ahead;
    if (!begun) return this.#logIn(signal);
    signal.addEventListener('abort', () => begun.dispose(), { once: true });
    if (signal.aborted) begun.dispose();
    return begun;
  }

  async #logIn(signal: AbortSignal): Promise<BulkProcess | undefined> {
    const argv = ['sh', '-c', intoNamedFolder];
    return this.#connection.bulk?.({ argv, stdin: 'pipe', stdout: 'ignore' }, signal);
  }
}
