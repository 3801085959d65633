import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Runner } from '../../base/process.ts';
import type { Project } from '../../config/project.ts';
import type { Connection } from '../../connections/connection.ts';
import type { OperationOptions } from '../environment.ts';
import { withDotfiles, type Dotfiles } from '../hooks/dotfiles.ts';
import { EnvironmentHooks, type HookOutcome } from '../hooks/environmentHooks.ts';
import { FileHookMarkers, WindowHookMarkers, type HookMarkers } from '../hooks/markers.ts';
import { runInitializeCommand } from '../hooks/initialize.ts';
import { declaredSecrets, type GetSecrets } from '../hooks/secrets.ts';
import { hookPlan, type HookOccasion } from '../hooks/plan.ts';
import { failedBefore, type HookRun } from '../hooks/run.ts';
import type { MachineRecord } from './record.ts';
import { writeOut } from './writeOut.ts';

/** The lifecycle hooks of one machine: which are due, and what became of them. */
export class VmHooks {
  readonly #project: Project;
  readonly #runner: Runner;
  readonly #secrets: GetSecrets | undefined;
  readonly #dotfiles: (() => Dotfiles | undefined) | undefined;
  /** Keeps which hooks were run, for all windows. */
  readonly markersFile: string;
  readonly #markers: HookMarkers;
  readonly #hooks: EnvironmentHooks;
  readonly #log: Logger;
  /** The connection that hooks were run for as an attachment, and the attachment's id. */
  #attachment: { readonly connection: Connection; readonly id: string } | undefined;

  constructor(parts: {
    project: Project;
    /** Where it is kept what was run. */
    folder: string;
    runner: Runner;
    log: Logger;
    /** The person's, as the settings say now. */
    dotfiles?: () => Dotfiles | undefined;
    /** Values that stand in no file. */
    secrets?: GetSecrets;
    /** Told which hook runs on in the background, and undefined when none does any more. */
    onActivity: (activity: string | undefined) => void;
  }) {
    const { folder, log, onActivity } = parts;
    this.#project = parts.project;
    this.#secrets = parts.secrets;
    this.#runner = parts.runner;
    this.#log = log;
    this.#dotfiles = parts.dotfiles;
    this.markersFile = path.join(folder, 'hooks.json');
    this.#markers = new WindowHookMarkers(new FileHookMarkers(this.markersFile, log));
    this.#hooks = new EnvironmentHooks({
      lockFile: path.join(folder, 'hooks.lock'),
      log,
      onStep: onActivity,
    });
  }

  /** `initializeCommand` runs on the host, before anything is made or started. */
  async initialize(merged: Readonly<Record<string, unknown>>, options: OperationOptions): Promise<void> {
    await runInitializeCommand(this.#runner, this.#project.folder, merged['initializeCommand'], options);
  }

  /** Runs in the machine what is due; what comes after `waitFor` runs on behind the open terminal. */
  async run(
    connection: Connection,
    record: MachineRecord,
    options: OperationOptions,
    waiting: Pick<HookRun, 'whenCreated' | 'beforeHooks'> = {},
  ): Promise<HookOutcome> {
    // A terminal more is no new attachment: the same connection is the same one.
    if (this.#attachment?.connection !== connection) this.#attachment = { connection, id: randomUUID() };
    const { waitFor } = record.merged;
    return this.#hooks.run(
      {
        connection,
        kind: 'vm',
        plan: withDotfiles(hookPlan(record.merged), this.#dotfiles?.()),
        markers: this.#markers,
        occasions: this.#occasions(record),
        cwd: record.workspaceFolder,
        secrets: (either) =>
          this.#secrets?.(this.#project, declaredSecrets(record.merged), either) ?? Promise.resolve({}),
        keep: (either) => writeOut(connection, 'what a hook has just made', this.#log, either),
        ...waiting,
      },
      typeof waitFor === 'string' ? waitFor : undefined,
      options,
    );
  }

  /** What a hook of this machine, this boot or this attachment left behind. */
  async failed(record: MachineRecord): Promise<SwitchyardError | undefined> {
    return failedBefore({ kind: 'vm', occasions: this.#occasions(record) }, await this.#markers.read());
  }

  /** Ends what runs on in the background; it stays due. */
  async end(): Promise<void> {
    await this.#hooks.end();
  }

  #occasions(record: MachineRecord): Readonly<Record<HookOccasion, string>> {
    return {
      create: record.guestId,
      // A machine that wakes goes on in the same boot: nothing starts anew in it.
      start: record.run?.boot ?? record.guestId,
      attach: this.#attachment?.id ?? '',
    };
  }
}
