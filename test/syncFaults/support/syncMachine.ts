import { writeFileSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { silentProgress } from '../../../src/base/progress.ts';
import { login } from '../../../src/connections/sshLogin.ts';
import type { SshTarget } from '../../../src/connections/sshConnection.ts';
import { dial } from '../../../src/environments/vm/dial.ts';
import { never } from '../../engines/support/docker.ts';
import { SshConnectionForTests } from '../../engines/support/sshServer.ts';
import type { Ground, MachineFault } from '../../engines/support/syncModel.ts';
import { output, virsh, vmLab } from '../../engines/support/vm.ts';
import { GuestPerson } from './guestPerson.ts';

const options = { progress: silentProgress, signal: never };
/** One boot in software emulation, on a computer that does much else; in milliseconds. */
const bootMs = 300_000;

const dockerfile = `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends python3 rsync && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --shell /bin/bash dev
`;

/** A project's real machine, which the faults strike: many runs share it, each in folders of its own. */
export class SyncMachine {
  /** A temporary place on this computer, which goes with the machine. */
  readonly folder: string;
  readonly #target: SshTarget;
  readonly #domain: string;
  readonly #disk: string;
  readonly #pristine: string;
  readonly #destroy: () => Promise<void>;

  private constructor(
    target: SshTarget,
    machine: { folder: string; domain: string; disk: string; pristine: string },
    destroy: () => Promise<void>,
  ) {
    this.#target = target;
    this.folder = machine.folder;
    this.#domain = machine.domain;
    this.#disk = machine.disk;
    this.#pristine = machine.pristine;
    this.#destroy = destroy;
  }

  static async start(): Promise<SyncMachine> {
    const lab = await vmLab();
    const project = await lab.project('faults', {
      build: { dockerfile: 'Dockerfile' },
      remoteUser: 'dev',
      customizations: { switchyard: { vm: { cpus: 1, memory: '512mb', disk: '4gb' } } },
    });
    await writeFile(path.join(project.folder, '.devcontainer', 'Dockerfile'), dockerfile);
    const destroy = async (): Promise<void> => {
      const vm = lab.provider.forProject(project);
      await vm.destroy(options);
      vm.dispose();
      await lab.end();
    };
    try {
      const vm = lab.provider.forProject(project);
      const { connection } = await vm.open(options);
      const access = await vm.access?.(never);
      if (access?.by !== 'ssh') throw new Error('It is not entered over SSH.');
      const { host, port, user, identityFile, hostKeys } = access;
      // Whoever gets this disk is another machine, with an id of its own.
      await output(connection, ['sh', '-c', ': > /etc/machine-id && sync'], { user: 'root', cwd: '/' });
      const domain = `switchyard-${project.id}-vm`;
      const disk = /\bvda\s+(\S.*)/.exec(await virsh('domblklist', domain))?.[1]?.trim() ?? '';
      const pristine = path.join(lab.folder, 'pristine.img');
      // What the environment itself syncs is not what is tested here.
      vm.dispose();
      await virsh('suspend', domain);
      await copyFile(disk, pristine);
      await virsh('resume', domain);
      const privateKey = await readFile(identityFile, 'utf8');
      const target = { host, port, user, privateKey, identityFile, hostKeys };
      return new SyncMachine(target, { folder: lab.folder, domain, disk, pristine }, destroy);
    } catch (error) {
      await destroy();
      throw error;
    }
  }

  /** With what OpenSSH's own programs reach it, and as whom. */
  get openSsh(): { readonly options: readonly string[]; readonly address: string } {
    const { host, port, user, identityFile, hostKeys } = this.#target;
    const known = path.join(this.folder, 'known_hosts');
    writeFileSync(known, hostKeys.map((key) => `faults ${key.trim()}\n`).join(''));
    const options = [
      ...['-F', '/dev/null', '-i', identityFile ?? '', '-p', String(port), '-o', 'HostKeyAlias=faults'],
      ...['-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes', '-o', 'LogLevel=ERROR'],
    ];
    return { options, address: `${user}@${host}` };
  }

  /** A guest for the run of this seed. */
  ground(seed: number): Ground {
    const place = `/home/dev/run-${seed}`;
    const [folder, state] = [`${place}/workspace`, `${place}/state`];
    const person = new GuestPerson([folder, `${place}/graveyard`, state], () => this.connect({}));
    return {
      folder,
      person,
      machineFaults: ['suspend', 'powerOff', 'destroy'],
      connect: () => this.connect({ XDG_STATE_HOME: state }),
      killAgent: () => person.killAgent(),
      strike: async (fault) => {
        if (fault !== 'suspend') person.dispose();
        await this.#strike(fault);
      },
      end: async () => {
        person.dispose();
        const connection = await this.connect({});
        try {
          await output(connection, ['rm', '-rf', place], { cwd: '/' });
        } finally {
          connection.dispose();
        }
      },
    };
  }

  async connect(env: Readonly<Record<string, string>>): Promise<SshConnectionForTests> {
    const socket = await dial(this.#target, bootMs, never);
    if (!socket) throw new Error('Nobody answers in the machine.');
    const loggedIn = await login(this.#target, this.#target.user, bootMs, never, socket);
    return new SshConnectionForTests(this.#target, { env, cwd: '/' }, loggedIn);
  }

  async end(): Promise<void> {
    await this.#destroy();
  }

  async #strike(fault: MachineFault): Promise<void> {
    if (fault === 'suspend') {
      await virsh('managedsave', this.#domain);
      await virsh('start', this.#domain);
      return;
    }
    // As if the plug was pulled: what its kernel had not written is gone.
    await virsh('destroy', this.#domain);
    if (fault === 'destroy') await copyFile(this.#pristine, this.#disk);
    await virsh('start', this.#domain);
    (await this.connect({})).dispose();
  }
}
