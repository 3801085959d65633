import type { Disposable } from '../base/disposable.ts';
import type { SwitchyardError } from '../base/errors.ts';
import type { Event } from '../base/event.ts';
import type { GuestKind } from '../base/kinds.ts';
import type { Progress } from '../base/progress.ts';
import type { PortsConfig } from '../config/ports.ts';
import type { Project } from '../config/project.ts';
import type { WorkspaceMode } from '../config/settings.ts';
import type { Connection, RemoteProcess, TerminalSize } from '../connections/connection.ts';
import type { StartHow } from '../metrics/startHistory.ts';
import type { SshHost } from '../engines/sshDial.ts';
import type { CarryReport } from '../sync/carrier.ts';
import type { LiveSync } from '../sync/liveSync.ts';

/**
 * - `unknown`: not asked yet. `unavailable`: the engine cannot be asked; `problem` says why.
 * - `absent`: does not exist (yet). `stopped`: exists, uses no memory. `suspended`: memory on disk
 *   (or, for a paused container, frozen in memory). `running`: answers.
 * - Those in -ing but `running` are operations under way, ours or somebody else's.
 */
export type EnvironmentState =
  | 'unknown'
  | 'unavailable'
  | 'absent'
  | 'creating'
  | 'stopped'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'suspending'
  | 'removing'
  | 'suspended';

/** What can be done with an environment now. Code and menus ask for these, never for the kind. */
export type Capability =
  'canOpen' | 'canStop' | 'canSuspend' | 'canRestart' | 'canRebuild' | 'canDestroy' | 'canConnect';

/** One moment's view of an environment. Immutable; a new one is fired with each change. */
export interface EnvironmentStatus {
  readonly state: EnvironmentState;
  readonly capabilities: ReadonlySet<Capability>;
  /** When the current run began (engine's clock); undefined unless running. */
  readonly startedAt: Date | undefined;
  /** Why it is unavailable, or what went wrong in it while it goes on living (a failed hook). */
  readonly problem: SwitchyardError | undefined;
  /** True where the config changed since it was made: rebuild to apply. */
  readonly drifted: boolean;
  /** True where a restart applies such a change as well. */
  readonly restartApplies?: boolean | undefined;
  /** What runs on in it while it is in use already: "Running postCreateCommand". */
  readonly activity?: string | undefined;
  /** From which it would be back in seconds after a destroy; also there where it does not exist any more. */
  readonly snapshot?: KeptSnapshot | undefined;
  /** The names of its volumes where they are all that is left of it. */
  readonly keptVolumes?: readonly string[] | undefined;
}

/** Memory and disk of an environment at one moment, kept on the disk. */
export interface KeptSnapshot {
  readonly bytes: number;
  readonly takenAt: Date;
}

/** How well an environment is kept apart from the host; every part is read from the engine, not assumed. */
export interface Isolation {
  readonly kernel: 'shared' | 'own';
  /** `uname -r` of the kernel it runs on; undefined while that is not known. */
  readonly kernelRelease: string | undefined;
  /** True where uid 0 inside is uid 0 on the host (no user namespace, not rootless). */
  readonly rootIsHostRoot: boolean;
  /** VM only: hardware virtualisation or software emulation, and why it was chosen. */
  readonly acceleration: { readonly type: 'kvm' | 'tcg'; readonly reason: string } | undefined;
}

/** What changes rarely; read when a row is expanded. */
export interface EnvironmentDetails {
  /** The engine's own name for it: container name and short id, or libvirt domain. */
  readonly engineName: string | undefined;
  readonly image: string | undefined;
  readonly workspaceMode: WorkspaceMode;
  /** Where the workspace is inside, as an absolute path. */
  readonly workspaceFolder: string | undefined;
  /** The other computer on which it is, as a person names it; missing where it is on this one, or its engine's. */
  readonly host?: string;
  readonly isolation: Isolation | undefined;
  /** What the config says about ports. */
  readonly ports: PortsConfig;
  /** Properties of the config that this kind does not honour, with the reason as a sentence. */
  readonly ignored: readonly { readonly property: string; readonly reason: string }[];
}

/** Resource use at one moment. Undefined parts are not known (yet): CPU needs two samples. */
export interface Usage {
  /** Percent of all its CPUs together, 0 to 100. */
  readonly cpuPercent: number | undefined;
  /** Number of CPUs it may use. */
  readonly cpus: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly memoryLimitBytes: number | undefined;
  /** What the environment itself takes on disk: writable layer, or disk overlay. */
  readonly diskBytes: number | undefined;
  /** What it stands on and shares with others: image, or box. */
  readonly diskBaseBytes: number | undefined;
}

/** How other programs of this computer get into a running environment. */
export type EnvironmentAccess = {
  /** Who they are inside. */
  readonly user: string;
  /** Absolute path of the workspace inside. */
  readonly workspaceFolder: string;
} & (
  | {
      /** Through the engine, by its own means. */
      readonly by: 'engine';
      /** As the docker command line writes addresses. */
      readonly engine: string;
      readonly tlsFolder: string | undefined;
      readonly containerId: string;
      readonly containerName: string;
      /** `name=value` labels that find it again after it was made anew. */
      readonly labels: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  | {
      /** Through an SSH server of its own. */
      readonly by: 'ssh';
      readonly host: string;
      readonly port: number;
      /** Absolute path of the private key. */
      readonly identityFile: string;
      /** As lines in OpenSSH's public key format. */
      readonly hostKeys: readonly string[];
      /** The computer on whose network it is, where that is not this one's. */
      readonly through?: SshHost;
      /** A program and its arguments that bring it up: it fails at once where it runs. Undefined where there is none. */
      readonly start?: readonly string[];
    }
);

/** What `open` did to make the environment ready. */
export interface OpenResult {
  readonly connection: Connection;
  /**
   * The user's own shell in a terminal, in the workspace folder; one is held ready. The signal bounds the
   * start only; afterwards the caller owns the process. Variables come on top of what every program gets.
   * @throws SwitchyardError `environment.gone` where the environment no longer runs
   */
  readonly shell: (
    size: TerminalSize,
    signal: AbortSignal,
    variables?: Readonly<Record<string, string>>,
  ) => Promise<RemoteProcess>;
  /** Undefined where it was running already. */
  readonly start: { readonly how: StartHow; readonly warmCache: boolean } | undefined;
  /** Where the workspace is inside. */
  readonly workspaceFolder: string;
  /** What bringing the workspace in did; not there where it is mounted. */
  readonly carried?: CarryReport | undefined;
  /** A hook failed: the environment is kept and usable, and this says what to do. */
  readonly problem: SwitchyardError | undefined;
  /**
   * Where hooks run on behind the open terminal (`waitFor`): resolves when they are over, with what one
   * that failed says; never rejects.
   */
  readonly hooks?: Promise<SwitchyardError | undefined> | undefined;
}

export interface OperationOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What of it a destroy is to spare or to take as well. */
export interface DestroyWishes {
  /** Leaves the snapshot that its status names, and what that needs. */
  readonly keepSnapshot?: boolean;
  /** Its volumes go as well. */
  readonly withVolumes?: boolean;
}

/**
 * A container or a VM of one project. Both kinds implement this alike. Operations on one environment
 * queue; each is idempotent, can be cancelled by its signal, and leaves nothing half-made.
 * All throw SwitchyardError.
 */
export interface Environment extends Disposable {
  readonly kind: GuestKind;
  readonly project: Project;
  readonly status: EnvironmentStatus;
  readonly onDidChangeStatus: Event<EnvironmentStatus>;
  /** What keeps the workspace of both sides the same; undefined where it is mounted. */
  readonly sync?: LiveSync | undefined;

  /** Asks the engine and updates `status`. Never throws: trouble becomes `unavailable` + `problem`. */
  refresh(signal: AbortSignal): Promise<EnvironmentStatus>;
  /**
   * Creates, starts or resumes it as needed, brings the workspace in, runs the hooks that are due, and
   * connects. The connection is the environment's own and shared: callers do not dispose it.
   */
  open(options: OperationOptions): Promise<OpenResult>;
  /** The living connection to a running environment, opened if need be. */
  connect(signal: AbortSignal): Promise<Connection>;
  /**
   * How SSH clients and other programs get in; not there where the kind has no such way.
   * @throws SwitchyardError `environment.gone` where it does not run
   */
  access?(signal: AbortSignal): Promise<EnvironmentAccess>;
  /** Brings the workspace of both sides together now; undefined where it is mounted. */
  syncNow(options: OperationOptions): Promise<CarryReport | undefined>;
  stop(options: OperationOptions): Promise<void>;
  /** Only with `canSuspend`: a VM's memory goes to disk; a container is paused. */
  suspend(options: OperationOptions): Promise<void>;
  /** Makes it anew from the config as it is now, then opens it. */
  rebuild(options: OperationOptions): Promise<OpenResult>;
  /**
   * Removes it and what only it uses. The workspace on the host stays, and so do its volumes.
   */
  destroy(options: OperationOptions, wishes?: DestroyWishes): Promise<void>;
  /** Names of the volumes that are nobody else's and outlive it; not there where a kind keeps none of its own. */
  volumes?(signal: AbortSignal): Promise<readonly string[]>;
  /** What the config says should happen after another environment became active. */
  leave(options: OperationOptions): Promise<void>;

  details(signal: AbortSignal): Promise<EnvironmentDetails>;
  /** One sample. Cheap enough for every two seconds; undefined unless running. */
  usage(signal: AbortSignal): Promise<Usage | undefined>;
}

/** A container or machine of this computer that belongs to no open project. */
export interface OtherEnvironment {
  readonly kind: GuestKind;
  /** The engine's own id: container id, or the Vagrant machine's index id. */
  readonly id: string;
  readonly name: string;
  readonly state: EnvironmentState;
  /** Image, or provider and folder. */
  readonly description: string;
  /** Actions that can be taken on it from the tree. */
  readonly capabilities: ReadonlySet<Capability>;
}

/** One thing that a kind needs on this computer, as Check Requirements lists it. */
export interface Requirement {
  readonly name: string;
  readonly ok: boolean;
  /** The version found, or why it is not usable and what to do. */
  readonly detail: string;
}

/** Everything of one kind. The composition root has one a kind; one that fails never takes the other down. */
export interface EnvironmentProvider extends Disposable {
  readonly kind: GuestKind;
  /** The project's environment of this kind; made once per project and owned by the caller. */
  forProject(project: Project): Environment;
  /** @throws SwitchyardError where the engine cannot be asked */
  listOthers(signal: AbortSignal): Promise<readonly OtherEnvironment[]>;
  /** @throws SwitchyardError */
  actOnOther(
    id: string,
    action: 'start' | 'stop' | 'suspend' | 'destroy',
    options: OperationOptions,
  ): Promise<void>;
  /** Fires when something of this kind changed on the computer, whoever did it. */
  readonly onDidChange: Event<void>;
  /** Starts listening to the engine while somebody looks; the returned disposable stops it. */
  watch(): Disposable;
  requirements(signal: AbortSignal): Promise<readonly Requirement[]>;
}
