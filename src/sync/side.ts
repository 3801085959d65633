import type { Event } from '../base/event.ts';
import type { Entry } from './entry.ts';
import type { BytePath } from './path.ts';
import type { Rule } from './patterns.ts';

/** The two ends of a sync. */
export type SideName = 'host' | 'guest';

export const otherSide = { host: 'guest', guest: 'host' } as const;

/** What an operation must find at its path: a print, or `-` for nothing there. */
export type Expected = string;

export const absent: Expected = '-';

/** Contents of a file: whole, or written piece by piece under `id` by `stage` before. */
export type Content = { readonly data: Uint8Array } | { readonly staged: string; readonly size: number };

/**
 * One change of a tree. It is done only where the path holds what is expected, checked just before; what
 * it replaces or removes goes to the side's trash.
 */
export type Operation =
  | { readonly do: 'folder'; readonly path: BytePath }
  | {
      readonly do: 'file';
      readonly path: BytePath;
      readonly expect: Expected;
      readonly executable: boolean;
      readonly content: Content;
    }
  | { readonly do: 'link'; readonly path: BytePath; readonly expect: Expected; readonly target: string }
  | {
      readonly do: 'mode';
      readonly path: BytePath;
      readonly expect: Expected;
      readonly executable: boolean;
    }
  /** A folder is removed only when empty. */
  | { readonly do: 'remove'; readonly path: BytePath; readonly expect: Expected }
  /** To a path where nothing is. `expect` is `d` for a folder, which moves with all it holds. */
  | { readonly do: 'move'; readonly path: BytePath; readonly to: BytePath; readonly expect: Expected };

/**
 * - `stale`: the path does not hold what was expected. `notEmpty`: the folder still holds something.
 * - `noSpace`, `denied`: as the disk says. `failed`: anything else.
 */
export type Refusal = 'stale' | 'notEmpty' | 'noSpace' | 'denied' | 'failed';

export type Outcome =
  /** `entry` is what the path (of a move: the new one) now holds; undefined after a removal. */
  | { readonly done: true; readonly entry: Entry | undefined }
  | { readonly done: false; readonly why: Refusal; readonly message: string };

/** A file's content as it was read in one piece, with nobody writing meanwhile. */
export interface ReadFile extends FilePiece {
  /** sha256 in hex. */
  readonly hash: string;
}

/** A part of a file, and what stood there before and after it was read. */
export interface FilePiece {
  readonly entry: Entry;
  readonly data: Uint8Array;
}

/** `undefined` where the path is gone, is no file, or changed while it was read. */
export type ReadAnswer = ReadFile | undefined;

/** Where a piece of a large file begins, in bytes, and the print that the file must have. */
export interface Piece {
  readonly path: BytePath;
  readonly print: string;
  readonly offset: number;
}

export interface ScanResult {
  readonly entries: Map<BytePath, Entry>;
}

/** What a side is, to notice that it was made anew. */
export interface SideIdentity {
  /** Changes when the machine or the folder was made anew. */
  readonly root: string;
  /** Changes with every boot; '' where unknown. */
  readonly boot: string;
}

/** What a watch tells. Events are hints: what stands at a path is asked of the disk. */
export interface WatchEvents {
  /** Something may have changed at these paths. */
  paths(paths: readonly BytePath[]): void;
  /** Something may have changed anywhere. */
  anywhere(): void;
  /** No more watches are to be had: look every few seconds instead. */
  exhausted(): void;
}

/** Whole files up to this many bytes go in one message; larger ones piece by piece. */
export const wholeFileBytes = 1024 * 1024;

/** One end of a sync: the host's folder, or the guest's through an agent. Both work alike. */
export interface Side {
  readonly name: SideName;
  readonly identity: SideIdentity;
  /** Fires once when the side is gone for good, where it can tell without being asked. */
  readonly onDidLose?: Event<Error>;
  /**
   * Every entry that the rules do not ignore. Rejects unless it saw all of it.
   * @param known what a scan before this one found, whose strings may be used again
   */
  scan(
    rules: readonly Rule[],
    signal: AbortSignal,
    known?: ReadonlyMap<BytePath, Entry>,
  ): Promise<ScanResult>;
  /** What stands at these paths now; undefined for nothing. */
  stat(paths: readonly BytePath[], signal: AbortSignal): Promise<(Entry | undefined)[]>;
  /** sha256 of files, with the entry that they had before and after. */
  hash(
    paths: readonly BytePath[],
    signal: AbortSignal,
  ): Promise<({ readonly entry: Entry; readonly hash: string } | undefined)[]>;
  /** Whole files, each no larger than `wholeFileBytes`; larger ones answer undefined. */
  read(paths: readonly BytePath[], signal: AbortSignal): Promise<ReadAnswer[]>;
  /** A piece of a large file that must still have this print. */
  readPiece(request: Piece, signal: AbortSignal): Promise<FilePiece | undefined>;
  /** How many bytes of `id` are staged, from an attempt before. */
  staged(id: string, signal: AbortSignal): Promise<number>;
  stage(id: string, offset: number, data: Uint8Array, signal: AbortSignal): Promise<void>;
  /** In the order given; one that is refused does not stop the others. */
  apply(operations: readonly Operation[], signal: AbortSignal): Promise<Outcome[]>;
  /** Begins to watch, once; until the side is disposed. What changed before is for a scan to find. */
  watch(rules: readonly Rule[], events: WatchEvents, signal: AbortSignal): Promise<void>;
  /** Resolves when the watch told all that changed before the call. */
  heard(signal: AbortSignal): Promise<void>;
  /** Resolves when everything done so far survives a power cut. */
  settle(signal: AbortSignal): Promise<void>;
}
