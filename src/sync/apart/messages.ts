import type { ExitStatus } from '../../connections/connection.ts';
import type { BulkTarget } from '../../connections/sshBulk.ts';
import type { CarryReport, CarryRequest } from '../carrier.ts';
import type { HaltAnswer, SyncHealth, TwoVersions } from '../liveSync.ts';
import type { PackedError } from './packedError.ts';

/** What a sync's process is for. */
export interface SyncPlace {
  readonly hostFolder: string;
  readonly stateFolder: string;
  readonly trashBytes: number | undefined;
  /** Sentences for a person, in that person's language; undefined for those in the code. */
  readonly sentences: Readonly<Record<string, string>> | undefined;
}

/** A connection of the extension host, as the other process knows it. */
export interface LentConnection {
  readonly id: number;
  readonly description: string;
  readonly user: string;
  readonly hasUnix: boolean;
  /** Where it has a way of its own for much data. */
  readonly bulk: BulkTarget | undefined;
}

/** A `CarryRequest`, with what the settings say by now. */
export interface Errand extends Omit<CarryRequest, 'connection'> {
  readonly connection: LentConnection;
  readonly ignore: readonly string[];
  readonly protect: readonly string[];
  /** Under which its progress is told. */
  readonly progress: number;
}

/** `SyncHealth` on its way. */
export interface PackedHealth extends Omit<SyncHealth, 'problem'> {
  readonly problem: PackedError | undefined;
}

interface Carrying {
  readonly with: Errand;
  readonly answer: CarryReport;
}

interface Plain<With extends object, Answer = void> {
  readonly with: With;
  readonly answer: Answer;
}

/** What the process of a sync is asked: as `LiveSync` has it. */
export interface SyncCalls {
  readonly begin: Plain<SyncPlace>;
  readonly carry: Carrying;
  readonly attach: Carrying;
  readonly syncNow: Carrying;
  readonly detach: Plain<object>;
  readonly hold: Plain<object>;
  readonly keepBaseline: Plain<{ readonly folder: string }, boolean>;
  readonly flush: Plain<object, boolean>;
  readonly resolveConflict: Plain<{ readonly path: string; readonly keep: 'host' | 'guest' | 'both' }>;
  readonly decideHeldBack: Plain<{ readonly path: string; readonly decision: 'accept' | 'refuse' }>;
  readonly versions: Plain<{ readonly path: string }, TwoVersions>;
}

/** What it is told. */
export interface SyncOrders {
  readonly letGo: object;
  readonly rescan: object;
  readonly pause: object;
  readonly resume: object;
  readonly answerHalt: { readonly answer: HaltAnswer };
  readonly connectionClosed: { readonly id: number };
  /** What a program or a socket inside gave, and what becomes of it. */
  readonly streamData: { readonly stream: number; readonly data: Uint8Array };
  readonly streamEnd: { readonly stream: number; readonly error: string | undefined };
  readonly programExit: { readonly program: number; readonly status: ExitStatus };
}

/** A program inside: the numbers of its three streams; that of the first is its own. */
export interface LentProgram {
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

/** What it asks of the extension host. */
export interface HostCalls {
  readonly exec: Plain<
    { readonly connection: number; readonly argv: readonly string[]; readonly cwd: string | undefined },
    LentProgram
  >;
  readonly connectUnix: Plain<{ readonly connection: number; readonly path: string }, number>;
  /** Resolves when the stream took it. */
  readonly streamWrite: Plain<{ readonly stream: number; readonly chunks: readonly Uint8Array[] }>;
  /** Absolute paths. */
  readonly unsavedFiles: Plain<object, readonly string[]>;
}

/** What it tells. */
export interface HostNews {
  readonly health: { readonly health: PackedHealth; readonly isIdle: boolean };
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
    readonly message: string;
  };
  readonly progress: {
    readonly progress: number;
    readonly step?: string;
    readonly line?: string;
    readonly fraction?: number;
  };
  /** So many bytes of a stream were taken in, and as many more may come. */
  readonly streamTaken: { readonly stream: number; readonly bytes: number };
  readonly streamClose: { readonly stream: number };
  readonly programEnd: { readonly program: number };
}
