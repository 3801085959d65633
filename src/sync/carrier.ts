import type { Progress } from '../base/progress.ts';
import type { Connection } from '../connections/connection.ts';

/** What the sync needs of a connection. */
export type SyncConnection = Pick<
  Connection,
  'description' | 'user' | 'isClosed' | 'onDidClose' | 'exec' | 'bulk' | 'bulkTarget' | 'connectUnix'
>;

/** Where a workspace is carried to. */
export interface CarryRequest {
  readonly connection: SyncConnection;
  /** Absolute path of the workspace folder in the guest; made if it is missing. */
  readonly guestFolder: string;
  /**
   * Which guest this is: changes when the environment is made anew. A baseline recorded with another
   * guest is void.
   */
  readonly guestId: string;
  /** One that may wait in the guest (`leaveAgent`, `agentForBoot`). */
  readonly waitingAgent?: WaitingAgent;
}

export interface WaitingAgent {
  /** The absolute path of its socket. */
  readonly socket: string;
  /** How long it may take until it listens where it is starting by now, in milliseconds; else 0. */
  readonly startingMs: number;
}

/** What one carry did. Paths are relative to the workspace folder, with `/`. */
export interface CarryReport {
  /** Number of entries written or deleted on each side. */
  readonly toGuest: number;
  readonly toHost: number;
  /** Changed on both sides: the host's version stays, the guest's lies beside it under the second path. */
  readonly conflicts: readonly { readonly path: string; readonly copy: string }[];
  /** Changed in the guest, protected on the host: not written back. */
  readonly heldBack: readonly string[];
  /** Not carried at all (sockets, escaping links, …), with the reason as a sentence. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/** Carries a project's workspace into an environment that has no mount, and back. */
export interface WorkspaceCarrier {
  /**
   * Brings both sides together: the first time everything goes up as one stream, later each side's
   * changes since the recorded baseline go across. Nothing is overwritten or deleted that is not as the
   * baseline says.
   * @throws SwitchyardError `sync.*`, `disk.full`, `cancelled`
   */
  carry(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport>;
}
