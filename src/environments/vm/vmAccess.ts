import { readFile } from 'node:fs/promises';
import * as l10n from '@vscode/l10n';
import { withDeadline } from '../../base/abort.ts';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { virshCommands } from '../../engines/virsh.ts';

import type { SshConnection } from '../../connections/sshConnection.ts';
import type { EnvironmentAccess } from '../environment.ts';
import type { Box, BoxStore } from './image/boxStore.ts';
import { setGuestClock } from './guestClock.ts';
import type { Machine } from './machine.ts';
import type { MachineRecord, RecordFile } from './record.ts';
import { waitForSsh } from './waitForSsh.ts';

/** How long the old connection to a machine that woke may take to answer, in milliseconds. */
const answerMs = 8_000;

/** The one SSH connection to a machine, which all who work in it share. */
export class VmAccess {
  readonly #machine: Machine;
  readonly #record: RecordFile;
  readonly #boxes: BoxStore;
  readonly #bootMs: number;
  readonly #onDisconnected: () => void;
  readonly #log: Logger;
  #connection: SshConnection | undefined;
  #isAsleep = false;

  constructor(parts: {
    machine: Machine;
    record: RecordFile;
    boxes: BoxStore;
    /** From power-on to SSH, in milliseconds. */
    bootMs: number;
    /** Called when the connection ended, whoever ended it. */
    onDisconnected: () => void;
    log: Logger;
  }) {
    this.#machine = parts.machine;
    this.#record = parts.record;
    this.#boxes = parts.boxes;
    this.#bootMs = parts.bootMs;
    this.#onDisconnected = parts.onDisconnected;
    this.#log = parts.log;
  }

  /** The connection, while it lives and the machine does not sleep. */
  get connection(): SshConnection | undefined {
    return this.#connection?.isClosed === false && !this.#isAsleep ? this.#connection : undefined;
  }

  /**
   * Keeps the connection over the machine's sleep: its end of it sleeps in the machine's memory, so shells and
   * logins go on where they were. Only another address or a machine that booted anew ends it.
   */
  async setAsleep(asleep: boolean): Promise<void> {
    if (this.#isAsleep === asleep) return;
    this.#isAsleep = asleep;
    await this.#connection?.setAsleep(asleep);
  }

  /** The connection of a machine that woke, its clock set, if it answers; else it is let go. */
  async wake(signal: AbortSignal): Promise<SshConnection | undefined> {
    if (!this.#isAsleep) return undefined;
    await this.setAsleep(false);
    const { connection } = this;
    if (!connection) return undefined;
    try {
      await setGuestClock(connection, withDeadline(signal, answerMs));
      return connection;
    } catch (error) {
      signal.throwIfAborted();
      this.#log.info(`The connection did not outlive the machine's sleep: ${String(error)}`);
      this.disconnect();
      return undefined;
    }
  }

  async connect(record: MachineRecord, signal: AbortSignal): Promise<SshConnection> {
    const { connection: known } = this;
    if (known) return known;
    const box = await this.#expectBox(record);
    const access = {
      user: record.user,
      privateKey: await readFile(box.privateKeyFile, 'utf8'),
      identityFile: box.privateKeyFile,
      hostKey: box.hostKey,
    };
    const { connection, address } = await waitForSsh(
      this.#machine,
      access,
      // A folder that is not there yet would make every program fail.
      { env: record.env, ...(record.phase === 'ready' ? { cwd: record.workspaceFolder } : { cwd: '/' }) },
      { lastAddress: record.address, timeoutMs: this.#bootMs, signal },
    );
    if (record.address !== address) {
      await this.#record.write({ ...((await this.#record.read()) ?? record), address });
    }
    if (record.phase !== 'ready') return connection;
    this.#connection = connection;
    connection.onDidClose(() => {
      if (this.#connection === connection) this.#connection = undefined;
      // Whatever ended it, libvirt knows what became of the machine.
      this.#onDisconnected();
    });
    return connection;
  }

  /** What an SSH client needs to get in. @throws SwitchyardError `environment.gone` */
  async forClients(record: MachineRecord): Promise<EnvironmentAccess> {
    const { privateKeyFile, hostKey } = await this.#expectBox(record);
    const { program, args } = virshCommands.start(this.#machine.domain);
    return {
      by: 'ssh',
      host: record.address ?? '',
      port: 22,
      user: record.user,
      workspaceFolder: record.workspaceFolder,
      identityFile: privateKeyFile,
      hostKeys: [hostKey],
      start: [program, ...args],
    };
  }

  disconnect(): void {
    this.#isAsleep = false;
    this.#connection?.dispose();
    this.#connection = undefined;
  }

  async #expectBox(record: MachineRecord): Promise<Box> {
    const box = await this.#boxes.find(record.boxKey);
    if (box) return box;
    throw new SwitchyardError({
      code: 'environment.gone',
      what: l10n.t('The virtual machine cannot be entered.'),
      why: l10n.t('The keys of its box are gone.'),
      next: l10n.t('Rebuild it.'),
      remedies: [{ do: 'rebuild', kind: 'vm' }],
    });
  }
}
