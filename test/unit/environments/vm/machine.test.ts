import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../src/base/log.ts';
import { CommandFailed, type Command, type Runner } from '../../../../src/base/process.ts';
import { silentProgress } from '../../../../src/base/progress.ts';
import { MachineHost } from '../../../../src/environments/vm/machineHost.ts';
import { defaultTimeouts, Machine } from '../../../../src/environments/vm/machine.ts';

const never = new AbortController().signal;
const locked = '1795294021,,error-exit,Vagrant::Errors::MachineActionLockedError,An action is running.\n';
const bootTimeout =
  '1795290000,vm,error-exit,Vagrant::Errors::VMBootTimeout,Timed out while waiting for the machine to boot.\n';

/** Answers each call by what its verb says: text on success, a Failure otherwise. */
class FakeRunner implements Runner {
  readonly calls: string[] = [];
  readonly #answers: Readonly<Record<string, () => string | { stdout?: string; stderr?: string }>>;

  constructor(answers: Readonly<Record<string, () => string | { stdout?: string; stderr?: string }>>) {
    this.#answers = answers;
  }

  run<T>(command: Command<T>): Promise<T> {
    const verb = command.args.find((arg) => arg in this.#answers) ?? '';
    this.calls.push(`${command.program} ${verb}`);
    const answer = this.#answers[verb]?.() ?? '';
    if (typeof answer === 'string') return Promise.resolve(command.parse(answer));
    return Promise.reject(
      new CommandFailed({
        program: command.program,
        args: command.args,
        reason: 'exit',
        exitCode: 1,
        ...answer,
      }),
    );
  }
}

const absent = (): { stderr: string } => ({ stderr: "error: failed to get domain 'x'" });
const input = {
  box: 'switchyard/a',
  login: { user: 'root', privateKeyFile: '/k' },
  cpus: 1,
  memoryBytes: 2 ** 30,
  diskBytes: 2 ** 33,
  acceleration: 'tcg',
} as const;

describe('a machine', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-machine-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const machine = (runner: Runner, lockMs = 2_000): Machine =>
    new Machine({
      projectId: '0123456789ab',
      folder,
      runner,
      host: new MachineHost(undefined, runner),
      log: silentLogger,
      timeouts: { ...defaultTimeouts, lockMs },
    });

  it('is absent where libvirt knows no such domain', async () => {
    expect(await machine(new FakeRunner({ dominfo: absent })).info(never)).toBeUndefined();
  });

  it('waits for another process that works on it', async () => {
    let tries = 0;
    const runner = new FakeRunner({ up: () => ((tries += 1) === 1 ? { stdout: locked } : '') });
    await machine(runner).create(input, silentProgress, never);
    expect(runner.calls.filter((call) => call === 'vagrant up')).toHaveLength(2);
  });

  it('names the lock after a bounded wait', async () => {
    const runner = new FakeRunner({ up: () => ({ stdout: locked }), dominfo: absent });
    await expect(machine(runner, 0).create(input, silentProgress, never)).rejects.toMatchObject({
      code: 'vagrant.locked',
    });
  });

  it('that does not boot is removed, and only its console is left', async () => {
    const runner = new FakeRunner({
      up: () => ({ stdout: bootTimeout }),
      dominfo: absent,
      destroy: () => '',
      'pool-list': () => ' default\n',
      'vol-list': () =>
        ' switchyard-0123456789ab-vm.img   /x/switchyard-0123456789ab-vm.img\n other.img   /x/other.img\n',
    });
    const made = machine(runner);
    await expect(
      made.create(input, { ...silentProgress, step: () => undefined }, never).finally(() => undefined),
    ).rejects.toMatchObject({ code: 'vm.noSsh' });
    expect(runner.calls).toContain('vagrant destroy');
    expect(await readdir(folder)).toEqual([]);
    await writeFile(
      made.consoleFile ?? '',
      '\u001bM\u001b[K[\u001b[0;32m  OK  \u001b[0m] Started\r\nlast words\n\n',
    );
    expect(await made.console()).toBe('[  OK  ] Started\nlast words');
  });
});
