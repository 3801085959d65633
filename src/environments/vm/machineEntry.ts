import { randomUUID } from 'node:crypto';
import * as l10n from '@vscode/l10n';
import { withDeadline } from '../../base/abort.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { Logger } from '../../base/log.ts';
import type { Progress } from '../../base/progress.ts';
import type { Project } from '../../config/project.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { Connection } from '../../connections/connection.ts';
import type { CarryReport, CarryRequest, WaitingAgent } from '../../sync/carrier.ts';
import type { LiveSync } from '../../sync/liveSync.ts';
import type { EnvironmentState, OpenResult } from '../environment.ts';
import type { HookRun } from '../hooks/run.ts';
import { opened } from '../opened.ts';
import { ShellReserve } from '../shells.ts';
import { installAgent, waitsAtBoot } from './bootAgent.ts';
import { readBootId } from './bootId.ts';
import { bringUp, bringUpServices } from './bringUp.ts';
import { setGuestClock } from './guestClock.ts';
import { awaitInit } from './guestInit.ts';
import { unsyncedPlaces } from './mounts/plan.ts';
import { planOf } from './mounts/vmMounts.ts';
import { agentSocket } from './image/wayIn.ts';
import type { ProjectMachine } from './projectMachine.ts';
import type { MachineRecord, RecordFile } from './record.ts';
import { notRunning } from './supported.ts';
import type { VmAccess } from './vmAccess.ts';
import type { VmHooks } from './vmHooks.ts';

/** Bound on sending the last changes of the workspace before the machine goes, in milliseconds. */
const lastChangesMs = 20_000;

/** How long a shell takes to show its prompt in software emulation, in milliseconds. */
const shellMs = 1_000;

/** How long after a login the agent of a machine that boots may take until it listens, in milliseconds. */
const agentMs = 1_500;

/** What an entry is done with. */
export interface EntryOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Goes on in the machine meanwhile; nothing of the project's runs before its end, nor where it fails. */
  readonly wake?: Promise<void>;
  /** Makes what is called when the hooks of a creation went well. */
  readonly whenCreated?:
    ((record: MachineRecord, connection: Connection) => HookRun['whenCreated']) | undefined;
}

/** How a machine that runs is entered, and what goes on in it while it is: its connection, sync, shells and hooks. */
export class MachineEntry implements Disposable {
  readonly #project: Project;
  readonly #machine: ProjectMachine;
  readonly #record: RecordFile;
  readonly #hooks: VmHooks;
  readonly #access: VmAccess;
  readonly #sync: LiveSync;
  readonly #log: Logger;
  #shells: ShellReserve | undefined;
  #mounted = false;
  #rules: SwitchyardSettings['sync'] = { ignore: [], protect: [] };

  constructor(parts: {
    project: Project;
    machine: ProjectMachine;
    record: RecordFile;
    hooks: VmHooks;
    access: VmAccess;
    sync: LiveSync;
    log: Logger;
  }) {
    this.#project = parts.project;
    this.#machine = parts.machine;
    this.#record = parts.record;
    this.#hooks = parts.hooks;
    this.#access = parts.access;
    this.#sync = parts.sync;
    this.#log = parts.log;
  }

  /** Undefined where the workspace is mounted. */
  get sync(): LiveSync | undefined {
    return this.#mounted ? undefined : this.#sync;
  }

  /** As the config was when the machine was entered. */
  get rules(): SwitchyardSettings['sync'] {
    return this.#rules;
  }

  /** From a machine that runs to one that is ready for a terminal. @throws SwitchyardError */
  async enter(
    settings: SwitchyardSettings,
    before: MachineRecord,
    start: OpenResult['start'],
    { progress, signal, wake, whenCreated }: EntryOptions,
  ): Promise<OpenResult> {
    const known = start?.how === 'resume' ? await this.#access.wake(signal) : this.#access.connection;
    if (!known) progress.step(l10n.t('Connecting'));
    const connection = known ?? (await this.#access.connect(before, signal));
    if (start?.how === 'resume' && !known) await setGuestClock(connection, signal);
    const shells = this.#shellsOf(connection, before);
    // The hooks of a creation may change what a shell is given at its start.
    if (start?.how !== 'create') shells.prepare();
    this.#follow(settings, before);
    const isAwake = start === undefined || start.how === 'resume';
    const { folder } = this.#project;
    const trouble = isAwake ? undefined : await bringUp(connection, folder, before, this.#log, signal);
    const request = carryRequest(before, connection);
    const waitingAgent = await this.#waitingAgent(before, start?.how);
    const arrival = Promise.all([
      start || !before.run ? this.#noteRun(before, start, connection, signal) : before,
      this.sync?.attach({ ...request, ...(waitingAgent ? { waitingAgent } : {}) }, progress, signal),
    ]);
    // Where it does not wake it is made anew, and that waits until the sync has let go of it.
    if (wake) await Promise.allSettled([wake, arrival]);
    await wake;
    const [record, carried] = await arrival;
    // Their files are the workspace's.
    const inner = { progress, signal };
    const down = isAwake ? undefined : await bringUpServices(connection, before, start.how, this.#log, inner);
    const made = whenCreated && start?.how === 'create' ? whenCreated(record, connection) : undefined;
    // Whoever started it: it may still be booting.
    const boots = start === undefined ? before.run === undefined : start.how === 'start';
    const beforeHooks = boots ? (either: AbortSignal) => awaitInit(connection, either) : undefined;
    const outcome = await this.#hooks.run(connection, record, inner, { whenCreated: made, beforeHooks });
    const problem = outcome.problem ?? trouble ?? down;
    return opened(
      shells,
      { ...outcome, problem },
      { start, workspaceFolder: record.workspaceFolder, carried },
    );
  }

  /** The sync's agent that the machine brought along, from its snapshot's memory or its boot. */
  async #waitingAgent(
    record: MachineRecord,
    how: NonNullable<OpenResult['start']>['how'] | undefined,
  ): Promise<WaitingAgent | undefined> {
    if (how === 'restore') return { socket: agentSocket, startingMs: 0 };
    const isStarting = how === 'start' && (await waitsAtBoot(record));
    return isStarting ? { socket: agentSocket, startingMs: agentMs } : undefined;
  }

  /** Keeps which run and which boot this is. */
  async #noteRun(
    before: MachineRecord,
    start: OpenResult['start'],
    connection: Connection,
    signal: AbortSignal,
  ): Promise<MachineRecord> {
    const [info, now] = await Promise.all([this.#machine.info(signal), this.#record.read()]);
    if (info?.run === undefined) throw notRunning(this.#project.name);
    const known = now ?? before;
    // One that wakes goes on where it was.
    const isSame = start?.how === 'resume' || start?.how === 'restore';
    const slept = isSame ? known.run?.boot : undefined;
    // What Vagrant's provider for containers starts has the host's kernel, which boots for nobody here.
    const isContainer = known.own?.provider === 'docker' && start !== undefined;
    const boot = slept ?? (isContainer ? randomUUID() : await readBootId(connection, signal));
    const startedAt = start && { startedAt: new Date().toISOString() };
    // Another version of Switchyard may have made it.
    const { agent: old, ...rest } = known;
    const agent = old && (await installAgent(connection, known, this.#log, signal));
    const run = { id: info.run, boot, ...startedAt };
    const record: MachineRecord = { ...rest, ...(agent === undefined ? {} : { agent }), run };
    await this.#record.write(record);
    return record;
  }

  #shellsOf(connection: Connection, { workspaceFolder }: MachineRecord): ShellReserve {
    if (this.#shells?.connection === connection) return this.#shells;
    const shells = new ShellReserve(connection, workspaceFolder, shellMs, this.#log);
    connection.onDidClose(() => shells.dispose());
    this.#shells = shells;
    return shells;
  }

  /** How the workspace of this machine is kept the same. */
  #follow({ sync }: SwitchyardSettings, record: MachineRecord): void {
    const own = unsyncedPlaces(planOf(this.#project.folder, record), record.workspaceFolder);
    this.#rules = { ...sync, ignore: [...sync.ignore, ...own] };
    this.#mounted = record.mounted === true;
  }

  /** Looks at everything on both sides now. */
  async syncNow(
    settings: SwitchyardSettings,
    record: MachineRecord,
    connection: Connection,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<CarryReport | undefined> {
    this.#follow(settings, record);
    return this.sync?.syncNow(carryRequest(record, connection), progress, signal);
  }

  /** Saves the machine's memory; the connection and the sync hold still until it wakes. */
  async suspend(progress: Progress, signal: AbortSignal): Promise<void> {
    if (!this.#access.outlivesSleep) {
      // Ended in order, rather than torn off: the sync sends its last changes, and nobody takes it for a failure.
      await this.endSync(signal);
      this.disconnect();
      return this.#machine.suspend(progress, signal);
    }
    await Promise.all([
      this.sync?.hold(withDeadline(signal, lastChangesMs)),
      this.#access.prepareSleep(signal),
    ]);
    await this.#access.setAsleep(true);
    try {
      await this.#machine.suspend(progress, signal);
    } catch (error) {
      await this.#access.setAsleep(false);
      this.sync?.letGo();
      throw error;
    }
  }

  /** What libvirt says became of it, while nothing of this window is under way. */
  async noteState(
    state: EnvironmentState,
    record: MachineRecord | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    this.#mounted = record?.mounted === true;
    // A machine that sleeps has its end of the connection with it.
    if (state !== 'running' && state !== 'suspended') this.disconnect();
    if (state !== 'running') return;
    // Whoever woke it: its clock stood still.
    await this.#access.wake(signal);
    this.sync?.letGo();
  }

  /** Ends the hooks that run on, and sends the last changes, for a bounded time; the rest goes next time. */
  async endSync(signal: AbortSignal): Promise<void> {
    await this.#hooks.end();
    await this.sync?.detach(withDeadline(signal, lastChangesMs));
  }

  dispose(): void {
    // It never rejects, and what it ends is gone with the connection anyway.
    void this.#hooks.end();
    this.disconnect();
  }

  disconnect(): void {
    this.#shells?.dispose();
    this.#shells = undefined;
    this.#access.disconnect();
  }
}

function carryRequest(record: MachineRecord, connection: Connection): CarryRequest {
  return { connection, guestFolder: record.workspaceFolder, guestId: record.guestId };
}
