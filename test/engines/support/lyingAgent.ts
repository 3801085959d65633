import { PassThrough, Writable, type Duplex } from 'node:stream';
import { Emitter } from '../../../src/base/event.ts';
import type {
  Connection,
  ExecRequest,
  ExitStatus,
  RemoteProcess,
} from '../../../src/connections/connection.ts';
import { answers, requests, type RequestName } from '../../../src/sync/guest/protocol.ts';

/** What a guest answers to a request: the fields of a part, if any, and those of the end; or raw bytes. */
export type Lie =
  { readonly part?: readonly string[]; readonly end: readonly string[] } | { readonly raw: Buffer };

/** A guest that speaks the agent's protocol and says whatever the test wants. */
export class LyingGuest implements Connection {
  readonly description = 'a lying guest';
  readonly user = 'root';
  readonly isClosed = false;
  readonly #closed = new Emitter<Error | undefined>();
  readonly onDidClose = this.#closed.event;
  readonly #lies: Partial<Record<RequestName, Lie>>;

  constructor(lies: Partial<Record<RequestName, Lie>>) {
    this.#lies = lies;
  }

  exec({ argv }: ExecRequest): Promise<RemoteProcess> {
    if (argv[0] !== 'python3') return Promise.reject(new Error('It has only this.'));
    const [greeting = '', size = '0'] = argv.slice(-2);
    const stdout = new PassThrough();
    let ended: (status: ExitStatus) => void = () => undefined;
    let input = Buffer.alloc(0);
    let script = Number(size);
    const stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        input = Buffer.concat([input, chunk]);
        if (script > 0 && input.length >= script) {
          input = input.subarray(script);
          script = 0;
          stdout.write(`${greeting}\n`);
        }
        while (script === 0 && input.length >= 9 && input.length >= 4 + input.readUInt32BE(0)) {
          const frame = input.subarray(0, 4 + input.readUInt32BE(0));
          input = input.subarray(frame.length);
          this.#answer(stdout, frame.readUInt32BE(4), frame.readUInt8(8));
        }
        done();
      },
    });
    return Promise.resolve({
      stdin,
      stdout,
      stderr: new PassThrough(),
      exit: new Promise((resolve) => (ended = resolve)),
      resize: () => undefined,
      kill: () => Promise.resolve(),
      dispose: () => ended({ code: 0, signal: undefined }),
    });
  }

  connectTcp(): Promise<Duplex> {
    return Promise.reject(new Error('Not in this test.'));
  }

  dispose(): void {
    this.#closed.fire(undefined);
  }

  #answer(stdout: PassThrough, id: number, request: number): void {
    const name = (Object.keys(requests) as RequestName[]).find((one) => requests[one] === request);
    const lie = name && this.#lies[name];
    if (!lie) stdout.write(frame(id, answers.end, []));
    else if ('raw' in lie) stdout.write(lie.raw);
    else {
      if (lie.part) stdout.write(frame(id, answers.part, lie.part));
      stdout.write(frame(id, answers.end, lie.end));
    }
  }
}

function frame(id: number, kind: number, fields: readonly string[]): Buffer {
  const body = fields.flatMap((field) => {
    const bytes = Buffer.from(field, 'latin1');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  const head = Buffer.alloc(9);
  head.writeUInt32BE(
    body.reduce((sum, part) => sum + part.length, 5),
    0,
  );
  head.writeUInt32BE(id, 4);
  head.writeUInt8(kind, 8);
  return Buffer.concat([head, ...body]);
}
