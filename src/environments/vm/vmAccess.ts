import { readFile } from 'node:fs/promises';
import * as l10n from '@vscode/l10n';
import { withDeadline } from '../../base/abort.ts';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { virshCommands } from '../../engines/virsh.ts';

import type { SshHost } from '../../engines/sshDial.ts';
import type { SshConnection } from '../../connections/sshConnection.ts';
import type { EnvironmentAccess } from '../environment.ts';
import type { BoxStore } from './image/boxStore.ts';
import type { MachineLogin } from './machineLogin.ts';
import { setGuestClock, WaitingClock } from './guestClock.ts';
import type { MachineAddress } from './machineAddress.ts';
import type { MachineRecord, RecordFile } from './record.ts';
import type { MachineHost } from './machineHost.ts';
import type { ProjectMachine } from './projectMachine.ts';
import { waitForSsh } from './waitForSsh.ts';

/** How long the old connection to a machine that woke may take to answer, in milliseconds. */
const answerMs = 8_000;

/** The one SSH connection to a machine, which all who work in it share. */
export class VmAccess {
  readonly #machine: ProjectMachine;
  readonly #record: RecordFile;
  readonly #boxes: BoxStore;
  readonly #host: MachineHost;
  readonly #bootMs: number;
  readonly #onDisconnected: () => void;
  readonly #log: Logger;
  #connection: SshConnection | undefined;
  #clock: WaitingClock | undefined;
  #isAsleep = false;
  #isForwarded = false;

  constructor(parts: {
    machine: ProjectMachine;
    record: RecordFile;
    boxes: BoxStore;
    host: MachineHost;
    /** From power-on to SSH, in milliseconds. */
    bootMs: number;
    /** Called when the connection ended, whoever ended it. */
    onDisconnected: () => void;
    log: Logger;
  }) {
    this.#machine = parts.machine;
    this.#record = parts.record;
    this.#boxes = parts.boxes;
    this.#host = parts.host;
    this.#bootMs = parts.bootMs;
    this.#onDisconnected = parts.onDisconnected;
    this.#log = parts.log;
  }

  /** The connection, while it lives and the machine does not sleep. */
  get connection(): SshConnection | undefined {
    return this.#connection?.isClosed === false && !this.#isAsleep ? this.#connection : undefined;
  }

  /** False where what passes the connection on ends when the machine sleeps, and the connection with it. */
  get outlivesSleep(): boolean {
    return !this.#isForwarded;
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

  /** Gets ready for a sleep what makes it wake quicker; without that it takes longer, and that is all. */
  async prepareSleep(signal: AbortSignal): Promise<void> {
    const { connection } = this;
    if (!connection) return;
    try {
      this.#endClock();
      this.#clock = await WaitingClock.begin(connection, withDeadline(signal, answerMs));
    } catch (error) {
      signal.throwIfAborted();
      this.#log.debug(`Nothing waits for the time: ${String(error)}`);
    }
  }

  /** The connection of a machine that woke, its clock set, if it answers; else it is let go. */
  async wake(signal: AbortSignal): Promise<SshConnection | undefined> {
    if (!this.#isAsleep) return undefined;
    await this.setAsleep(false);
    const { connection } = this;
    if (!connection) return undefined;
    try {
      await this.#setClock(connection, withDeadline(signal, answerMs));
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
    const { port, privateKeyFile, hostKeys } = await this.#expectLogin(record);
    const access = {
      port,
      user: record.user,
      privateKey: await readFile(privateKeyFile, 'utf8'),
      identityFile: privateKeyFile,
      hostKeys,
      // The key of an image box opens both accounts.
      ...(record.login ? {} : { admin: 'root' }),
      ...this.#through(record),
    };
    const { connection, address } = await waitForSsh(
      this.#machine,
      access,
      // A folder that is not there yet would make every program fail.
      { env: record.env, ...(record.phase === 'ready' ? { cwd: record.workspaceFolder } : { cwd: '/' }) },
      { lastAddress: lastAddress(record), timeoutMs: this.#bootMs, signal },
    );
    if (record.address !== address.host || record.port !== address.port) {
      const { port: _other, ...known } = (await this.#record.read()) ?? record;
      const { host, port: forwarded } = address;
      const at = forwarded === undefined ? {} : { port: forwarded };
      await this.#record.write({ ...known, address: host, ...at });
    }
    if (record.phase !== 'ready') return connection;
    this.#connection = connection;
    this.#isForwarded = address.port !== undefined;
    connection.onDidClose(() => {
      if (this.#connection === connection) this.#connection = undefined;
      // Whatever ended it, libvirt knows what became of the machine.
      this.#onDisconnected();
    });
    return connection;
  }

  /** What an SSH client needs to get in. @throws SwitchyardError `environment.gone` */
  async forClients(record: MachineRecord): Promise<EnvironmentAccess> {
    const { port, privateKeyFile, hostKeys } = await this.#expectLogin(record);
    // A machine of another provider is started by Vagrant alone.
    const domain = record.own ? record.machineId : this.#machine.domain;
    const through = this.#through(record);
    // Over another computer, and at a port that is passed on, ssh makes one attempt only, and none to a machine that
    // boots would hold.
    const canWake =
      !('through' in through) &&
      !this.#host.isSession &&
      domain !== undefined &&
      (record.own?.provider ?? 'libvirt') === 'libvirt';
    const { program, args } = virshCommands.start(domain ?? '');
    return {
      by: 'ssh',
      host: record.address ?? record.login?.host ?? '',
      port: record.port ?? port,
      user: record.user,
      workspaceFolder: record.workspaceFolder,
      identityFile: privateKeyFile,
      hostKeys,
      ...through,
      ...(canWake ? { start: [program, ...args] } : {}),
    };
  }

  disconnect(): void {
    this.#isAsleep = false;
    this.#endClock();
    this.#connection?.dispose();
    this.#connection = undefined;
  }

  async #setClock(connection: SshConnection, signal: AbortSignal): Promise<void> {
    try {
      if (this.#clock?.connection === connection) await this.#clock.set(signal);
      else await setGuestClock(connection, signal);
    } finally {
      this.#endClock();
    }
  }

  #endClock(): void {
    this.#clock?.dispose();
    this.#clock = undefined;
  }

  /** How its network is reached. A machine of the user's own Vagrantfile is where that says. */
  #through(record: MachineRecord): { through?: SshHost } {
    const { ssh } = this.#host;
    return record.own || !ssh ? {} : { through: ssh };
  }

  async #expectLogin(record: MachineRecord): Promise<Omit<MachineLogin, 'host'>> {
    if (record.login) return record.login;
    const box = await this.#boxes.find(record.boxKey);
    if (box) return { port: 22, privateKeyFile: box.privateKeyFile, hostKeys: [box.hostKey] };
    throw new SwitchyardError({
      code: 'environment.gone',
      what: l10n.t('The virtual machine cannot be entered.'),
      why: l10n.t('The keys of its box are gone.'),
      next: l10n.t('Rebuild it.'),
      remedies: [{ do: 'rebuild', kind: 'vm' }],
    });
  }
}

/** Where it was the last time. */
function lastAddress({ address, port, login }: MachineRecord): MachineAddress | undefined {
  const host = address ?? login?.host;
  return host === undefined ? undefined : { host, ...(port === undefined ? {} : { port }) };
}
