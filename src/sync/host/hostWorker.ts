import { parentPort, type Transferable } from 'node:worker_threads';
import { PathRules, type Rule } from '../patterns.ts';
import type { Operation, Outcome, Piece } from '../side.ts';
import type { Entry } from '../entry.ts';
import type { BytePath } from '../path.ts';
import { Echoes } from './echoes.ts';
import { HostNewsDesk } from './hostNews.ts';
import { HostTree, type HostFolders } from './hostTree.ts';
import { HostWatcher } from './hostWatcher.ts';

/** What the worker can be asked; each answer has the shape of `HostTree`'s own. */
export type HostRequest =
  /** Before all else. Answers the folder's identity; undefined where it is none. */
  | { readonly call: 'open'; readonly folders: HostFolders }
  | { readonly call: 'scan'; readonly rules: readonly Rule[] }
  | { readonly call: 'stat'; readonly paths: readonly BytePath[] }
  | { readonly call: 'hash'; readonly paths: readonly BytePath[] }
  | { readonly call: 'read'; readonly paths: readonly BytePath[] }
  | ({ readonly call: 'readPiece' } & Piece)
  | { readonly call: 'staged'; readonly id: string }
  | { readonly call: 'stage'; readonly id: string; readonly offset: number; readonly data: Uint8Array }
  | { readonly call: 'apply'; readonly operations: readonly Operation[] }
  | { readonly call: 'watch'; readonly rules: readonly Rule[] }
  | { readonly call: 'heard' };

export interface HostAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: Error;
}

/** A part of an answer, before the answer itself. */
export interface HostPart {
  readonly id: number;
  readonly part: Uint8Array;
}

/** What the watcher tells, unasked. */
export type HostNews =
  | { readonly news: 'paths'; readonly paths: readonly BytePath[] }
  | { readonly news: 'anywhere' | 'exhausted' };

const echoes = new Echoes();
let opened: { readonly root: string; readonly tree: HostTree } | undefined;
let watching: { readonly watcher: HostWatcher; readonly desk: HostNewsDesk } | undefined;

function tell(news: HostNews): void {
  parentPort?.postMessage(news);
}

function answer(id: number, request: HostRequest): unknown {
  if (request.call === 'open') return open(request.folders);
  if (!opened) throw new Error('The folder was not opened.');
  const { root, tree } = opened;
  switch (request.call) {
    case 'scan':
      echoes.forget();
      return scan(id, tree, PathRules.of(request.rules));
    case 'stat':
      return request.paths.map((path) => {
        const entry = tree.entry(path);
        echoes.see(path, entry?.print ?? '-');
        return entry;
      });
    case 'hash':
      return request.paths.map((path) => seen(path, tree.hash(path)));
    case 'read':
      return request.paths.map((path) => seen(path, tree.read(path)));
    case 'readPiece':
      return tree.readPiece(request.path, request.print, request.offset);
    case 'staged':
      return tree.staged(request.id);
    case 'stage':
      tree.stage(request.id, request.offset, request.data);
      return undefined;
    case 'apply':
      tree.checkRoot();
      return request.operations.map((operation) => remembered(operation, tree.apply(operation)));
    case 'watch':
      return watch(root, tree, PathRules.of(request.rules));
    case 'heard':
      return undefined;
  }
}

function open(folders: HostFolders): string | undefined {
  const tree = new HostTree(folders);
  opened = { root: folders.root, tree };
  const identity = tree.identity();
  if (identity !== undefined) tree.clean();
  return identity;
}

/** @returns how many watches there are */
function watch(root: string, tree: HostTree, rules: PathRules): number {
  watching?.watcher.close();
  watching?.desk.close();
  const desk = new HostNewsDesk(tree, echoes, (paths) => tell({ news: 'paths', paths }));
  const watcher = new HostWatcher(root, rules, {
    paths: (paths) => desk.hear(paths),
    anywhere: () => tell({ news: 'anywhere' }),
    exhausted: () => tell({ news: 'exhausted' }),
  });
  watching = { watcher, desk };
  return watcher.watches;
}

/** Piece by piece, so that one is taken in there while the next is looked for here. */
function scan(id: number, tree: HostTree, rules: PathRules): number {
  const pieces = tree.scan(rules);
  for (;;) {
    const next = pieces.next();
    if (next.done === true) return next.value;
    parentPort?.postMessage({ id, part: next.value } satisfies HostPart, transferable(next.value));
  }
}

function seen<T extends { readonly entry: Entry }>(path: BytePath, found: T | undefined): T | undefined {
  // Not to be read, or never still: nobody knows what the asker makes of it.
  echoes.see(path, found?.entry.print ?? '');
  return found;
}

function remembered(operation: Operation, outcome: Outcome): Outcome {
  if (!outcome.done) return outcome;
  const print = outcome.entry?.print ?? '-';
  if (operation.do === 'move') {
    echoes.leave(operation.path, '-');
    echoes.leave(operation.to, print);
  } else echoes.leave(operation.path, print);
  return outcome;
}

/** The memory behind large answers is handed over, not copied. */
function transferable(value: unknown): Transferable[] {
  const owned = (data: unknown): Transferable[] =>
    data instanceof Uint8Array && data.byteLength === data.buffer.byteLength
      ? [data.buffer as ArrayBuffer]
      : [];
  if (Array.isArray(value)) return value.flatMap((item: { data?: unknown } | undefined) => owned(item?.data));
  return [...owned(value), ...owned((value as { data?: unknown } | undefined)?.data)];
}

function take(id: number, request: HostRequest): void {
  let reply: HostAnswer;
  try {
    reply = { id, value: answer(id, request) };
  } catch (error) {
    reply = { id, error: error as Error };
  }
  parentPort?.postMessage(reply, transferable(reply.value));
}

/**
 * What the kernel has to tell is read in the event loop's next turn at the latest, and told in the one after
 * that, in which this runs too, but behind it.
 */
function afterNews(then: () => void): void {
  setImmediate(() => setImmediate(() => setImmediate(then)));
}

parentPort?.on('message', ({ id, request }: { id: number; request: HostRequest }) => {
  if (request.call === 'heard') afterNews(() => take(id, request));
  else take(id, request);
});
