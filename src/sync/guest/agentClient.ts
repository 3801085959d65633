import { randomBytes } from 'node:crypto';
import type { Disposable } from '../../base/disposable.ts';
import { Emitter } from '../../base/event.ts';
import type { RemoteProcess } from '../../connections/connection.ts';
import {
  AnswerDecoder,
  answers,
  encodeRequest,
  newsId,
  ProtocolError,
  type Field,
  type RequestName,
} from './protocol.ts';

/** The agent is gone: its process ended, its connection broke, or it spoke garbage. */
export class AgentLost extends Error {
  override readonly name = 'AgentLost';
}

/** What an agent says first. The agent knows by its beginning which programs are agents. */
export function newGreeting(): string {
  return `switchyard-${randomBytes(16).toString('hex')}`;
}

/** The agent's own refusal of a request. */
export class AgentFault extends Error {
  override readonly name = 'AgentFault';
  readonly why: string;
  constructor(why: string, message: string) {
    super(message);
    this.why = why;
  }
}

interface Open {
  readonly parts: (fields: readonly Buffer[]) => void;
  readonly resolve: (fields: readonly Buffer[]) => void;
  readonly reject: (error: Error) => void;
}

/** How long the agent may be silent, in milliseconds, while something is asked of it. */
const silenceMs = 30_000;

/** Asks an agent in the guest and matches its answers. Owns the agent's process. */
export class AgentClient implements Disposable {
  readonly #process: RemoteProcess;
  readonly #decoder: AnswerDecoder;
  readonly #open = new Map<number, Open>();
  readonly #lost = new Emitter<Error>();
  readonly #news = new Emitter<readonly Buffer[]>();
  #next = 1;
  #end: Error | undefined;
  #silence: NodeJS.Timeout | undefined;
  #drained: Promise<void> | undefined;
  #complaints = '';

  /** What a watch tells: paths, or none where it may be anywhere. */
  readonly onDidTell = this.#news.event;
  /** Fires once, when the agent is gone for whatever reason but `dispose`. */
  readonly onDidLose = this.#lost.event;

  constructor(process: RemoteProcess, greeting: string) {
    this.#process = process;
    this.#decoder = new AnswerDecoder(greeting);
    process.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    process.stderr.on('data', (chunk: Buffer) => {
      this.#complaints = (this.#complaints + chunk.toString('utf8')).slice(-2_000);
    });
    const fail = (error: Error): void => this.#fail(error);
    process.stdin.on('error', fail);
    process.stdout.on('error', fail);
    process.stderr.on('error', fail);
    void process.exit.then(({ code, signal }) => {
      this.#fail(
        new AgentLost(`The agent ended (${code ?? signal ?? 'connection lost'}). ${this.#complaints}`),
      );
    });
  }

  /** How many bytes came before the agent's own. */
  get noiseBytes(): number {
    return this.#decoder.noiseBytes;
  }

  get isLost(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Asks, and resolves with the fields of the last answer. Resolving may take as long as the agent goes on
   * speaking. After an abort the answer is thrown away when it comes.
   * @throws AgentFault, AgentLost
   */
  async ask(
    request: RequestName,
    fields: readonly Field[],
    signal: AbortSignal,
    parts: (fields: readonly Buffer[]) => void = () => undefined,
  ): Promise<readonly Buffer[]> {
    signal.throwIfAborted();
    if (this.#end) throw this.#end;
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      const settle = <T>(then: (value: T) => void) => {
        return (value: T): void => {
          signal.removeEventListener('abort', onAbort);
          then(value);
        };
      };
      this.#open.set(id, {
        parts: (found) => {
          if (!signal.aborted) parts(found);
        },
        resolve: settle(resolve),
        reject: settle(reject),
      });
      this.#listen();
      if (!this.#process.stdin.write(encodeRequest(id, request, fields))) this.#awaitDrain();
    });
  }

  /** Resolves when the channel takes more. For senders of much. */
  async ready(): Promise<void> {
    while (this.#drained && !this.#end) await this.#drained;
  }

  dispose(): void {
    this.#lost.dispose();
    this.#news.dispose();
    this.#fail(new AgentLost('The agent was ended.'));
  }

  #awaitDrain(): void {
    this.#drained ??= new Promise<void>((resolve) => {
      const { stdin } = this.#process;
      const done = (): void => {
        this.#drained = undefined;
        stdin.off('drain', done).off('close', done);
        resolve();
      };
      stdin.on('drain', done).on('close', done);
    });
  }

  #listen(): void {
    if (this.#open.size > 0 && this.#silence) {
      this.#silence.refresh();
      return;
    }
    clearTimeout(this.#silence);
    this.#silence = undefined;
    if (this.#open.size === 0) return;
    this.#silence = setTimeout(() => this.#fail(new AgentLost('The agent does not answer.')), silenceMs);
  }

  #read(chunk: Buffer): void {
    if (this.#end) return;
    try {
      for (const answer of this.#decoder.push(chunk)) {
        if (answer.id === newsId && answer.kind === answers.news) {
          this.#news.fire(answer.fields);
          continue;
        }
        const asked = this.#open.get(answer.id);
        if (!asked) throw new ProtocolError('An answer to nothing asked.');
        if (answer.kind === answers.part) {
          asked.parts(answer.fields);
          continue;
        }
        this.#open.delete(answer.id);
        if (answer.kind === answers.end) asked.resolve(answer.fields);
        else if (answer.kind === answers.fault) {
          asked.reject(
            new AgentFault(answer.fields[0]?.toString() ?? '', answer.fields[1]?.toString() ?? 'No reason.'),
          );
        } else throw new ProtocolError(`An answer of the kind ${answer.kind}.`);
      }
      this.#listen();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#end) return;
    this.#end = error instanceof AgentLost ? error : new AgentLost(error.message, { cause: error });
    clearTimeout(this.#silence);
    for (const { reject } of this.#open.values()) reject(this.#end);
    this.#open.clear();
    this.#process.dispose();
    this.#lost.fire(this.#end);
  }
}
