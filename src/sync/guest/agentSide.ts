import { createHash } from 'node:crypto';
import type { Event } from '../../base/event.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { SyncConnection } from '../carrier.ts';
import { BadRecord, readRecord, sizeOf, type Entry } from '../entry.ts';
import { pathFault, toText, type BytePath } from '../path.ts';
import type { Rule } from '../patterns.ts';
import { ScanReader } from '../scanReader.ts';
import type {
  FilePiece,
  Operation,
  Outcome,
  Piece,
  ReadAnswer,
  ScanResult,
  Side,
  SideIdentity,
  WatchEvents,
} from '../side.ts';
import type { AgentClient } from './agentClient.ts';
import { dataOf, outcomeOf, wordsOf } from './operations.ts';
import { ProtocolError, protocolVersion, type Field } from './protocol.ts';

/** How many bytes of operations go in one request. */
const batchBytes = 2 * 1024 * 1024;
const batchCount = 500;

/** The folder that an agent works on: absolute in the guest, with a key of its own for what is kept of it. */
export interface AgentFolder {
  readonly path: string;
  readonly key: string;
  readonly trashBytes: number;
}

/** What an agent says of itself at the start. */
export interface Hello {
  readonly agent: string;
  readonly identity: SideIdentity;
  /** Absolute path of the folder in the guest where staged things lie. */
  readonly staging: string;
  readonly hasTar: boolean;
}

/** The guest's workspace folder, through an agent that speaks frames. Trusts nothing it is told. */
export class AgentSide implements Side, Disposable {
  readonly name = 'guest';
  readonly hello: Hello;
  readonly client: AgentClient;
  readonly connection: SyncConnection;

  /**
   * Whether programs that the guest's shell starts get their standard input whole, and nothing is printed before what
   * they print: then the agent was read whole, and said its greeting first. Undefined where no shell started it.
   */
  readonly isShellSilent: boolean | undefined;

  private constructor(
    connection: SyncConnection,
    client: AgentClient,
    hello: Hello,
    isShellSilent: boolean | undefined,
  ) {
    this.isShellSilent = isShellSilent;
    this.connection = connection;
    this.client = client;
    this.hello = hello;
  }

  get onDidLose(): Event<Error> {
    return this.client.onDidLose;
  }

  get identity(): SideIdentity {
    return this.hello.identity;
  }

  /** @throws AgentFault, AgentLost */
  static async open(
    connection: SyncConnection,
    client: AgentClient,
    { startedBy, ...folder }: AgentFolder & { readonly startedBy: 'shell' | 'itself' },
    signal: AbortSignal,
  ): Promise<AgentSide> {
    const fields = await client.ask(
      'hello',
      [String(protocolVersion), Buffer.from(folder.path), folder.key, String(folder.trashBytes)],
      signal,
    );
    const [version, agent, root, boot, staging, tar] = fields.map((field) => field.toString('latin1'));
    if (version !== String(protocolVersion)) {
      throw new ProtocolError(`The agent speaks version ${version ?? 'none'}.`);
    }
    const said: Hello = {
      agent: agent ?? '',
      identity: { root: root ?? '', boot: boot ?? '' },
      staging: asText(staging ?? ''),
      hasTar: tar === '1',
    };
    const isShellSilent = startedBy === 'shell' ? client.noiseBytes === 0 : undefined;
    return new AgentSide(connection, client, said, isShellSilent);
  }

  async scan(
    rules: readonly Rule[],
    signal: AbortSignal,
    known: ReadonlyMap<BytePath, Entry> = new Map(),
  ): Promise<ScanResult> {
    return this.#scan('scan', rules.flatMap(ruleFields), known, signal);
  }

  async #scan(
    request: 'scan' | 'scanStage',
    fields: readonly Field[],
    known: ReadonlyMap<BytePath, Entry>,
    signal: AbortSignal,
  ): Promise<ScanResult> {
    const reader = new ScanReader(readRecord, known, signal);
    const [count] = await this.client.ask(request, fields, signal, (part) => {
      for (const chunk of part) reader.take(chunk);
    });
    return { entries: await reader.end(Number(count?.toString())) };
  }

  async stat(paths: readonly BytePath[], signal: AbortSignal): Promise<(Entry | undefined)[]> {
    const fields = await this.client.ask('stat', paths, signal);
    return paths.map((path, index) => {
      const [print = '', target = ''] = text(fields, index * 2, 2);
      return print === '' ? undefined : { ...readRecord(print, path, target), racy: true };
    });
  }

  async hash(
    paths: readonly BytePath[],
    signal: AbortSignal,
  ): Promise<({ entry: Entry; hash: string } | undefined)[]> {
    const fields = await this.client.ask('hash', paths, signal);
    return paths.map((path, index) => {
      const [print = '', hash = ''] = text(fields, index * 2, 2);
      if (print === '') return undefined;
      if (!/^[0-9a-f]{64}$/.test(hash)) throw new BadRecord('A hash that is none.');
      return { entry: readRecord(print, path, ''), hash };
    });
  }

  async read(paths: readonly BytePath[], signal: AbortSignal): Promise<ReadAnswer[]> {
    const found: ReadAnswer[] = [];
    await this.client.ask('read', paths, signal, ([print, data]) => {
      const path = paths[found.length];
      if (path === undefined || !print || !data) throw new BadRecord('More was read than asked for.');
      found.push(whole(path, print, data));
    });
    if (found.length !== paths.length) throw new BadRecord('Less was read than asked for.');
    return found;
  }

  async readPiece({ path, print, offset }: Piece, signal: AbortSignal): Promise<FilePiece | undefined> {
    const fields = await this.client.ask(
      'readPiece',
      [path, print, String(offset), String(1024 * 1024)],
      signal,
    );
    const found = fields[0]?.toString('latin1') ?? '';
    if (found === '') return undefined;
    const entry = readRecord(found, path, '');
    const data = fields[1] ?? Buffer.alloc(0);
    const size = sizeOf(entry);
    const end = offset + data.length;
    if (entry.print !== print || end > size || (data.length === 0 && end < size)) {
      throw new BadRecord('A piece of another file.');
    }
    return { entry, data };
  }

  async staged(id: string, signal: AbortSignal): Promise<number> {
    return Number((await this.client.ask('staged', [id], signal))[0]?.toString());
  }

  async stage(id: string, offset: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.client.ready();
    await this.client.ask('stage', [id, String(offset), data], signal);
  }

  async apply(operations: readonly Operation[], signal: AbortSignal): Promise<Outcome[]> {
    const batches: Promise<Outcome[]>[] = [];
    for (let at = 0; at < operations.length;) {
      let bytes = 0;
      let end = at;
      while (end < operations.length && end - at < batchCount && bytes < batchBytes) {
        const operation = operations[end];
        if (operation) bytes += dataOf(operation)?.length ?? 0;
        end += 1;
      }
      await this.client.ready();
      batches.push(this.#apply(operations.slice(at, end), signal));
      at = end;
    }
    return (await Promise.all(batches)).flat();
  }

  async watch(rules: readonly Rule[], events: WatchEvents, signal: AbortSignal): Promise<void> {
    this.client.onDidTell((fields) => {
      if (fields.length === 0) events.anywhere();
      else events.paths(fields.map((field) => checked(field.toString('latin1'))));
    });
    const [how] = await this.client.ask('watch', rules.flatMap(ruleFields), signal);
    if (how?.toString() !== 'events') events.exhausted();
  }

  async heard(signal: AbortSignal): Promise<void> {
    // An agent passes on what its watch has before it takes up the next request.
    await this.client.ask('stat', [], signal);
  }

  async settle(signal: AbortSignal): Promise<void> {
    await this.client.ask('settle', [], signal);
  }

  /** Absolute path of the staging folder for a stream, which the stream makes. */
  stageFolder(id: string): string {
    return `${this.hello.staging}/${id}`;
  }

  async scanStage(id: string, signal: AbortSignal): Promise<ScanResult> {
    return this.#scan('scanStage', [id], new Map(), signal);
  }

  async dropStage(id: string, signal: AbortSignal): Promise<void> {
    await this.client.ask('dropStage', [id], signal);
  }

  /**
   * Moves everything staged, but for `leaveOut`, to where nothing is. Answers what did not just move
   * along with its folder: the new entry, or undefined for what found its path taken.
   */
  async adoptStage(
    id: string,
    leaveOut: readonly BytePath[],
    signal: AbortSignal,
  ): Promise<Map<BytePath, Entry | undefined>> {
    const fields = await this.client.ask('adoptStage', [id, ...leaveOut], signal);
    const found = new Map<BytePath, Entry | undefined>();
    for (let at = 0; at < fields.length; at += 2) {
      const [path = '', print = ''] = text(fields, at, 2);
      found.set(path, print === '' ? undefined : { ...readRecord(print, path, '.'), racy: true });
    }
    return found;
  }

  dispose(): void {
    this.client.dispose();
  }

  async #apply(operations: readonly Operation[], signal: AbortSignal): Promise<Outcome[]> {
    const fields = await this.client.ask('apply', operations.flatMap(fieldsOf), signal);
    return operations.map((operation, index): Outcome => {
      const [status = '', print = '', target = ''] = text(fields, index * 3, 3);
      return outcomeOf(operation, { status, print, target }, asText);
    });
  }
}

function whole(path: BytePath, print: Buffer, data: Buffer): ReadAnswer {
  if (print.length === 0) return undefined;
  const entry = readRecord(print.toString('latin1'), path, '');
  if (data.length !== sizeOf(entry)) throw new BadRecord('A file of another size than it says.');
  return { entry, data, hash: createHash('sha256').update(data).digest('hex') };
}

function ruleFields(rule: Rule): [string, string] {
  return [
    `${rule.negated ? 'n' : ''}${rule.folderOnly ? 'd' : ''}${rule.byName ? 'b' : ''}`,
    rule.expression,
  ];
}

function checked(path: BytePath): BytePath {
  const fault = pathFault(path);
  if (fault !== undefined) throw new BadRecord(`The path ${JSON.stringify(toText(path))} ${fault}.`);
  return path;
}

function text(fields: readonly Buffer[], from: number, count: number): string[] {
  if (from + count > fields.length) throw new BadRecord('An answer with too few fields.');
  return fields.slice(from, from + count).map((field) => field.toString('latin1'));
}

function fieldsOf(operation: Operation): Field[] {
  const words = wordsOf(operation);
  const data = dataOf(operation);
  return data ? [...words.slice(0, -1), data] : [...words];
}

/** Of bytes that were read as Latin-1. */
function asText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
