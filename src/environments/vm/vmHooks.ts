import { randomUUID } from 'node:crypto';
import type { SwitchyardError } from '../../base/errors.ts';
import type { Runner } from '../../base/process.ts';
import type { Progress } from '../../base/progress.ts';
import type { Connection } from '../../connections/connection.ts';
import type { OpenResult } from '../environment.ts';
import type { FileHookMarkers } from '../hooks/markers.ts';
import { runInitializeCommand } from '../hooks/initialize.ts';
import { hookPlan } from '../hooks/plan.ts';
import { runDueHooks } from '../hooks/run.ts';
import type { MachineRecord } from './record.ts';

/** The lifecycle hooks of one machine: which are due, and what became of them. */
export class VmHooks {
  readonly #folder: string;
  readonly #runner: Runner;
  readonly #markers: FileHookMarkers;
  #problem: SwitchyardError | undefined;
  /** The connection that hooks were run for as an attachment, and the attachment's id. */
  #attachment: { readonly connection: Connection; readonly id: string } | undefined;

  /** @param folder the project's, on the host */
  constructor(folder: string, runner: Runner, markers: FileHookMarkers) {
    this.#folder = folder;
    this.#runner = runner;
    this.#markers = markers;
  }

  /** Why a hook of the present run failed. */
  get problem(): SwitchyardError | undefined {
    return this.#problem;
  }

  /** The machine is gone, and its hooks' failures with it. */
  forget(): void {
    this.#problem = undefined;
  }

  /** `initializeCommand` runs on the host, before anything is made or started. */
  async initialize(
    merged: Readonly<Record<string, unknown>>,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void> {
    await runInitializeCommand(this.#runner, this.#folder, merged['initializeCommand'], { progress, signal });
  }

  /** Runs in the machine what is due. @returns why one failed */
  async runDue(
    connection: Connection,
    record: MachineRecord,
    start: OpenResult['start'],
    progress: Progress,
    signal: AbortSignal,
  ): Promise<SwitchyardError | undefined> {
    this.#problem = await runDueHooks(
      {
        connection,
        kind: 'vm',
        plan: hookPlan(record.merged),
        markers: this.#markers,
        occasions: {
          create: record.guestId,
          // A resumed machine goes on where it was: nothing starts anew in it.
          start: start?.how === 'resume' || !start ? await this.#lastStart(record) : randomUUID(),
          attach: this.#attachmentOf(connection),
        },
        cwd: record.workspaceFolder,
      },
      progress,
      signal,
    );
    return this.#problem;
  }

  /** The start that the hooks of this run were run for. */
  async #lastStart(record: MachineRecord): Promise<string> {
    return (await this.#markers.read()).get('postStartCommand')?.occasion ?? record.guestId;
  }

  /** A terminal more is no new attachment: the same connection is the same one. */
  #attachmentOf(connection: Connection): string {
    if (this.#attachment?.connection !== connection) this.#attachment = { connection, id: randomUUID() };
    return this.#attachment.id;
  }
}
