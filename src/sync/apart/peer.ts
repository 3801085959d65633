import type { ChildProcess } from 'node:child_process';
import {
  CancellationTokenSource,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  ResponseError,
  type CancellationToken,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import type { Disposable } from '../../base/disposable.ts';
import { packError, unpackError, type PackedError } from './packedError.ts';

/** Questions by name: what comes with each, and what is answered. */
export type Calls<T> = { readonly [K in keyof T]: { readonly with: object; readonly answer: unknown } };

/** What is told unasked, by name. */
export type News<T> = { readonly [K in keyof T]: object };

/** Of errors, as the protocol wants a number: this one's own are all alike, and `data` says what they are. */
const failed = 1;

/**
 * One end of what two processes of ours say to each other over Node.js's own channel between them, by JSON-RPC (the
 * messages themselves are structured clones, so that bytes and dates stay what they are). Messages arrive in the
 * order in which they were sent.
 * @see https://www.jsonrpc.org/specification
 */
export class Peer<
  Asked extends Calls<Asked>,
  Told extends News<Told>,
  Asking extends Calls<Asking>,
  Telling extends News<Telling>,
> implements Disposable {
  readonly #connection: MessageConnection;
  #isClosed = false;

  constructor(channel: ChildProcess | NodeJS.Process) {
    this.#connection = createMessageConnection(new IPCMessageReader(channel), new IPCMessageWriter(channel));
  }

  /** Once everything that may come has somebody who hears it. */
  listen(): void {
    this.#connection.listen();
  }

  answer<K extends keyof Asked & string>(
    name: K,
    work: (given: Asked[K]['with'], signal: AbortSignal) => Promise<Asked[K]['answer']>,
  ): void {
    this.#connection.onRequest(name, async (given: Asked[K]['with'], token: CancellationToken) => {
      const aborter = new AbortController();
      const listening = token.onCancellationRequested(() => aborter.abort());
      try {
        // Of no answer the protocol would make one that says null.
        return { value: await work(given, aborter.signal) };
      } catch (error) {
        const packed = packError(error);
        return new ResponseError(failed, packed.message, packed);
      } finally {
        listening.dispose();
      }
    });
  }

  hear<K extends keyof Told & string>(name: K, then: (news: Told[K]) => void): void {
    this.#connection.onNotification(name, then);
  }

  /**
   * Asks, and waits for the answer also after the signal fired: the other end winds up first.
   * @throws what the other end threw; the signal's reason where it gave up for that
   */
  async ask<K extends keyof Asking & string>(
    name: K,
    given: Asking[K]['with'],
    signal?: AbortSignal,
  ): Promise<Asking[K]['answer']> {
    if (this.#isClosed) throw new Error('The other process is gone.');
    const source = new CancellationTokenSource();
    const onAbort = (): void => source.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
    // Of some questions it is the answer's business what to do then: a `detach` that nobody waits for is one.
    if (signal?.aborted) onAbort();
    try {
      const { value } = await this.#connection.sendRequest<{ value: Asking[K]['answer'] }>(
        name,
        given,
        source.token,
      );
      return value;
    } catch (error) {
      const packed =
        error instanceof ResponseError && error.code === failed
          ? (error as ResponseError<PackedError>).data
          : undefined;
      const thrown = packed ? unpackError(packed) : error;
      // As a call within this process would: with the reason of whoever gave up.
      if (thrown instanceof DOMException) signal?.throwIfAborted();
      throw thrown;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      source.dispose();
    }
  }

  tell<K extends keyof Telling & string>(name: K, news: Telling[K]): void {
    if (this.#isClosed) return;
    // Whoever cannot be told is gone, which is noticed elsewhere.
    this.#connection.sendNotification(name, news).catch(() => undefined);
  }

  /** Whatever was asked and not answered rejects. */
  dispose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.dispose();
  }
}
