import { createHash, randomBytes } from 'node:crypto';
import { withDeadline } from '../../base/abort.ts';
import type { Disposable } from '../../base/disposable.ts';
import { quote } from '../../base/shell.ts';
import { Turns } from '../../base/turns.ts';
import type { SyncConnection } from '../carrier.ts';
import { run } from '../../connections/run.ts';
import { BadRecord, readRecord, sizeOf, type Entry } from '../entry.ts';
import { agentScript } from '../files.ts';
import { linkEscapes, nameOf, parentOf, pathFault, type BytePath } from '../path.ts';
import { PathRules, type Rule } from '../patterns.ts';
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
import { AgentFault } from './agentClient.ts';
import { dataOf, outcomeOf, wordsOf } from './operations.ts';
import { ProtocolError, maxNoiseBytes } from './protocol.ts';
import { Fields, listed, literalNames } from './shellAnswer.ts';

/** How long, in milliseconds, one request may take: a whole look at a large tree on a slow disk. */
const requestMs = 10 * 60_000;
const batch = { count: 200, bytes: 2 * 1024 * 1024, paths: 500 };
/** How often a look is repeated where something went away under way. */
const looks = 8;
/** How old, in seconds, a change must be to be told by the clock of a guest that tells whole seconds. */
const racySeconds = 3;

interface Folder {
  readonly path: string;
  readonly key: string;
  readonly trashBytes: number;
}

/**
 * The guest's workspace folder where the guest has a shell, `find` and the like, and nothing else: each
 * request is a run of `agent.sh`. Slower than an agent that stays, and with no watch, but the same checks
 * stand before every change.
 */
export class ShellSide implements Side, Disposable {
  readonly name = 'guest';
  readonly identity: SideIdentity;
  readonly #connection: SyncConnection;
  readonly #folder: Folder;
  readonly #script: string;
  readonly #inode: string;
  readonly #tools: string;
  readonly #ending = new AbortController();
  /** One at a time: each is a process in the guest. */
  readonly #turns = new Turns();

  private constructor(
    connection: SyncConnection,
    folder: Folder,
    script: string,
    said: { root: string; boot: string; inode: string; tools: string },
  ) {
    this.#connection = connection;
    this.#folder = folder;
    this.#script = script;
    this.#inode = said.inode;
    this.#tools = said.tools;
    this.identity = { root: said.root, boot: said.boot };
  }

  /** @throws AgentFault where the folder cannot be used; ProtocolError where no such shell answers */
  static async open(connection: SyncConnection, folder: Folder, signal: AbortSignal): Promise<ShellSide> {
    const script = (await agentScript('agent.sh')).toString('utf8');
    const answer = await ask(connection, { folder, script, tools: ',' }, 'hello', [], signal);
    const [root, boot, inode, tools] = [answer.text(), answer.text(), answer.text(), answer.text()];
    return new ShellSide(connection, folder, script, { root, boot, inode, tools });
  }

  async scan(rules: readonly Rule[], signal: AbortSignal): Promise<ScanResult> {
    const names = literalNames(rules).flatMap((name) => ['-o', '-name', name]);
    const pruned = names.length > 0 ? ['(', ...names.slice(1), ')', '-prune', '-o'] : [];
    const tests = PathRules.of(rules);
    for (let look = 1; ; look += 1) {
      try {
        const answer = await this.#ask(`scan ${this.#words(pruned)}`, [], signal);
        const found = listed(answer);
        if (found) return { entries: entriesOf(found, tests) };
      } catch (error) {
        if (!(error instanceof AgentFault && error.why === 'again')) throw error;
      }
      if (look === looks) throw new BadRecord('The workspace never holds still for a whole look at it.');
    }
  }

  async stat(paths: readonly BytePath[], signal: AbortSignal): Promise<(Entry | undefined)[]> {
    return this.#inBatches(paths, async (some) => {
      const answer = await this.#ask(`see ${this.#words(some)}`, [], signal);
      answer.text();
      return some.map((path) => {
        const [print, target] = [answer.bytes(), answer.bytes()];
        return print === '' ? undefined : { ...readRecord(print, path, target), racy: true };
      });
    });
  }

  async hash(
    paths: readonly BytePath[],
    signal: AbortSignal,
  ): Promise<({ entry: Entry; hash: string } | undefined)[]> {
    return this.#inBatches(paths, async (some) => {
      const answer = await this.#ask(`sums ${this.#words(some)}`, [], signal);
      const now = Number(answer.text());
      return some.map((path) => {
        const [print, hash] = [answer.bytes(), answer.bytes()];
        if (print === '') return undefined;
        if (!/^[0-9a-f]{64}$/.test(hash)) throw new BadRecord('A hash that is none.');
        return { entry: marked(readRecord(print, path, ''), now), hash };
      });
    });
  }

  async read(paths: readonly BytePath[], signal: AbortSignal): Promise<ReadAnswer[]> {
    return this.#inBatches(paths, async (some) => {
      const answer = await this.#ask(`content ${this.#words([String(1024 * 1024), ...some])}`, [], signal);
      const now = Number(answer.text());
      return some.map((path): ReadAnswer => {
        const [print, size] = [answer.bytes(), Number(answer.text())];
        if (print === '') return undefined;
        const entry = marked(readRecord(print, path, ''), now);
        const data = answer.take(size);
        if (size !== sizeOf(entry)) throw new BadRecord('A file of another size than it says.');
        return { entry, data, hash: createHash('sha256').update(data).digest('hex') };
      });
    });
  }

  async readPiece({ path, print, offset }: Piece, signal: AbortSignal): Promise<FilePiece | undefined> {
    const words = this.#words([path, String(offset), String(1024 * 1024), print]);
    const answer = await this.#ask(`piece ${words}`, [], signal);
    const [found, size] = [answer.bytes(), Number(answer.text())];
    if (found === '') return undefined;
    const entry = readRecord(found, path, '');
    const data = answer.take(size);
    const end = offset + size;
    if (entry.print !== print || end > sizeOf(entry) || (size === 0 && end < sizeOf(entry))) {
      throw new BadRecord('A piece of another file.');
    }
    return { entry, data };
  }

  async staged(id: string, signal: AbortSignal): Promise<number> {
    return Number((await this.#ask(`staged ${this.#words([id])}`, [], signal)).text());
  }

  async stage(id: string, offset: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#ask(`stage ${this.#words([id, String(offset), String(data.length)])}`, [data], signal);
  }

  async apply(operations: readonly Operation[], signal: AbortSignal): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (let at = 0; at < operations.length;) {
      const lines = [`apply ${this.#words([])}`];
      const data: Uint8Array[] = [];
      let bytes = 0;
      let end = at;
      for (; end < operations.length && end - at < batch.count && bytes < batch.bytes; end += 1) {
        const operation = operations[end];
        if (!operation || faultOf(operation) !== undefined) continue;
        lines.push(`operate ${wordsOf(operation).map(quote).join(' ')}`);
        const content = dataOf(operation);
        if (!content) continue;
        data.push(content);
        bytes += content.length;
      }
      const answer = await this.#ask([...lines, 'prune'].join('\n'), data, signal);
      for (const operation of operations.slice(at, end)) {
        const fault = faultOf(operation);
        outcomes.push(
          fault === undefined ? outcomeIn(answer, operation) : { done: false, why: 'denied', message: fault },
        );
      }
      at = end;
    }
    return outcomes;
  }

  watch(_rules: readonly Rule[], events: WatchEvents): Promise<void> {
    events.exhausted();
    return Promise.resolve();
  }

  heard(): Promise<void> {
    return Promise.resolve();
  }

  async settle(signal: AbortSignal): Promise<void> {
    await this.#ask(`settle ${this.#words([])}`, [], signal);
  }

  dispose(): void {
    this.#ending.abort(new DOMException('The sync ended.', 'AbortError'));
  }

  #words(words: readonly string[]): string {
    return [this.#inode, ...words].map(quote).join(' ');
  }

  async #inBatches<T>(
    paths: readonly BytePath[],
    work: (some: readonly BytePath[]) => Promise<T[]>,
  ): Promise<T[]> {
    const found: T[] = [];
    for (let at = 0; at < paths.length; at += batch.paths) {
      found.push(...(await work(paths.slice(at, at + batch.paths))));
    }
    return found;
  }

  async #ask(request: string, data: readonly Uint8Array[], signal: AbortSignal): Promise<Fields> {
    return this.#turns.take(() => {
      const both = AbortSignal.any([signal, this.#ending.signal]);
      const { folder, script, tools } = { folder: this.#folder, script: this.#script, tools: this.#tools };
      return ask(this.#connection, { folder, script, tools }, request, data, both);
    });
  }
}

async function ask(
  connection: SyncConnection,
  { folder, script, tools }: { folder: Folder; script: string; tools: string },
  request: string,
  data: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Fields> {
  const greeting = `switchyard-${randomBytes(16).toString('hex')}`;
  const body = Buffer.from(request, 'latin1');
  const words = [greeting, folder.path, folder.key, String(folder.trashBytes), tools, String(body.length)];
  const { stdout, stderr, code } = await run(
    connection,
    {
      argv: ['sh', '-c', script, 'switchyard-sync', ...words],
      cwd: '/',
      input: Buffer.concat([body, ...data]),
    },
    withDeadline(signal, requestMs),
  );
  const at = stdout.subarray(0, maxNoiseBytes).indexOf(`${greeting}\n`);
  if (at < 0) {
    throw new ProtocolError(`No shell answers (${code ?? 'no exit code'}): ${stderr.toString().slice(-500)}`);
  }
  const answer = new Fields(stdout.subarray(at + greeting.length + 1));
  const status = answer.text();
  if (status === 'ok') return answer;
  if (status === 'fault') throw new AgentFault(answer.text(), answer.text());
  throw new ProtocolError(`The shell answers ${JSON.stringify(status)}: ${stderr.toString().slice(-500)}`);
}

function entriesOf(
  { found, now }: { found: readonly { path: BytePath; print: string; target: string }[]; now: number },
  rules: PathRules,
): Map<BytePath, Entry> {
  const entries = new Map<BytePath, Entry>();
  const ignored = new Set<BytePath>();
  for (const { path, print, target } of found) {
    // As the other agents, which do not go into what is named.
    if (ignored.has(parentOf(path)) || rules.names(path, print === 'd')) {
      if (print === 'd' || print === 'e') ignored.add(path);
      continue;
    }
    entries.set(path, marked(readRecord(print, path, target), now));
  }
  return entries;
}

/** Whether it changed just now, by the guest's own clock, which may tell whole seconds only. */
function marked(entry: Entry, now: number): Entry {
  const changed = Number(entry.print.split(' ')[3] ?? 0) / 1e9;
  return { ...entry, racy: entry.print.includes(' ') && changed > now - racySeconds };
}

/** Why the shell must not even see it. */
function faultOf(operation: Operation): string | undefined {
  const paths = operation.do === 'move' ? [operation.path, operation.to] : [operation.path];
  if (operation.do === 'link' && linkEscapes(operation.path, operation.target)) {
    return 'the link leads out of the workspace';
  }
  return paths.map(pathFault).find((fault) => fault !== undefined);
}

function outcomeIn(answer: Fields, operation: Operation): Outcome {
  const [status, print, target] = [answer.text(), answer.bytes(), answer.bytes()];
  const path = operation.do === 'move' ? operation.to : operation.path;
  return outcomeOf(operation, { status, print, target }, (why) => `${nameOf(path)}: ${why}`);
}
