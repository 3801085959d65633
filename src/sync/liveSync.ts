import type { SwitchyardError } from '../base/errors.ts';
import type { Event } from '../base/event.ts';
import type { Progress } from '../base/progress.ts';
import type { CarryReport, CarryRequest, WorkspaceCarrier } from './carrier.ts';
import type { SideName } from './side.ts';

/**
 * - `detached`: no guest is connected. `syncing`: something is on its way. `inSync`: both sides agree, but
 *   for what `conflicts`, `heldBack` and `halt` say.
 * - `paused`: by the person. `halted`: something looks so wrong that only the person can say what is meant.
 * - `failed`: the session ended with `problem`; attach again.
 */
export type SyncState = 'detached' | 'syncing' | 'inSync' | 'paused' | 'halted' | 'failed';

/** Both sides changed a path: the host's version stays there, the guest's lies at `copy`, on both sides. */
export interface SyncConflict {
  /** Relative to the workspace folder, with `/`. */
  readonly path: string;
  readonly copy: string;
  readonly since: Date;
}

/** The guest changed a protected path; the host still has its own. */
export interface HeldChange {
  readonly path: string;
  readonly change: 'created' | 'changed' | 'deleted';
}

/** What the sync saw before it stopped to ask. */
export type SyncHalt =
  /** Many paths are gone on one side, and would be deleted on the other (`on`). The rest goes on. */
  | {
      readonly saw: 'deletions';
      readonly on: SideName;
      readonly count: number;
      /** How many paths both sides had. */
      readonly of: number;
      readonly examples: readonly string[];
    }
  /** The workspace folder of a side holds nothing, or is no more. Nothing goes on. */
  | { readonly saw: 'emptied'; readonly side: SideName };

/** `delete`: it is meant so, delete on the other side too. `restore`: bring back what is gone. */
export type HaltAnswer = 'delete' | 'restore';

/** How far a transfer that a person waits for is. */
export interface SyncTransfer {
  readonly files: number;
  readonly allFiles: number;
  readonly bytes: number;
  readonly allBytes: number;
  /** Undefined before there is a rate to tell it by. */
  readonly secondsLeft: number | undefined;
}

/** One moment's view. Immutable; a new one is fired with each change, at most five a second. */
export interface SyncHealth {
  readonly state: SyncState;
  /** Since when both sides agree; undefined while they do not. */
  readonly inSyncSince: Date | undefined;
  /** Paths that are known to differ and are on their way. */
  readonly pending: number;
  /** Over the last second in which anything was sent. */
  readonly bytesPerSecond: number;
  readonly filesPerSecond: number;
  readonly transfer: SyncTransfer | undefined;
  readonly conflicts: readonly SyncConflict[];
  readonly heldBack: readonly HeldChange[];
  /** Not synced, with the reason as a sentence. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly lastScan: Date | undefined;
  readonly halt: SyncHalt | undefined;
  /** How changes are noticed: by events, or by looking every few seconds (no watches left). */
  readonly watching: Readonly<Record<SideName, 'events' | 'polling'>> | undefined;
  /** Why the session ended, or what it cannot do (a full disk) while it goes on. */
  readonly problem: SwitchyardError | undefined;
}

/** Two versions of a file, for a diff editor; undefined where that side has none. */
export interface TwoVersions {
  readonly host: Uint8Array | undefined;
  readonly guest: Uint8Array | undefined;
}

/**
 * The living sync of one workspace with one environment. Made once per environment and kept; sessions
 * come and go with the connection. Paths are relative to the workspace folder.
 */
export interface LiveSync extends WorkspaceCarrier {
  readonly health: SyncHealth;
  readonly onDidChangeHealth: Event<SyncHealth>;
  /** Absolute path on the host of the folder that holds what the sync replaced or deleted there. */
  readonly trashFolder: string;

  /** An `attach` follows soon: what that takes besides a connection is begun. */
  prepare(): void;
  /**
   * Brings both sides together, then keeps them so until `detach` or the end of the connection. Where
   * another window has the workspace already, that window's session does the work and this one follows:
   * it takes over when the other ends. Attached already to the same connection: brings across what the
   * watches told so far, and looks for what they missed a little later; the guest is taken to answer again.
   * @throws SwitchyardError `sync.*`, `cancelled`
   */
  attach(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport>;
  /** Like `attach`, but looks at everything at once also where it is attached already. */
  syncNow(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport>;
  /** Sends the last changes, until the signal fires, and ends the session. What is left goes next time. */
  detach(signal: AbortSignal): Promise<void>;
  /**
   * Sends the last changes, until the signal fires, and then asks the guest for nothing while its machine
   * sleeps; the session stays. `attach` with the same connection, `carry` and `letGo` end it.
   */
  hold(signal: AbortSignal): Promise<void>;
  /** The guest answers again after `hold`. */
  letGo(): void;
  /**
   * Copies what both sides agreed on into a new folder, while `hold` keeps it so.
   * @returns false where no session of this window is held: nothing is copied then
   */
  keepBaseline(folder: string): Promise<boolean>;
  /**
   * The guest is taken back to what it was when `keepBaseline` copied this: the next session goes by that. Without
   * a folder it begins anew. Only while nothing is attached.
   */
  takeBaseline(folder: string | undefined): Promise<void>;
  /** Resolves when everything changed so far is on both sides; false where something is held or paused. */
  flush(signal: AbortSignal): Promise<boolean>;
  /** Looks at both sides whole. For a window that gets the focus, and after an editor let go of a file. */
  rescan(): void;
  pause(): void;
  resume(): void;

  /** `host`: the copy goes. `guest`: the copy takes the path's place. `both`: both stay, as two files. */
  resolveConflict(path: string, keep: 'host' | 'guest' | 'both', signal: AbortSignal): Promise<void>;
  /** `accept`: the guest's version comes to the host. `refuse`: the host's goes to the guest. */
  decideHeldBack(path: string, decision: 'accept' | 'refuse', signal: AbortSignal): Promise<void>;
  /** What each side has at a path. */
  versions(path: string, signal: AbortSignal): Promise<TwoVersions>;
  answerHalt(answer: HaltAnswer): void;
  /** Ends everything at once, without sending anything more. */
  dispose(): void;
}
