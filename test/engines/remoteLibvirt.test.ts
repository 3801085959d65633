import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExecaRunner } from '../../src/base/execaRunner.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Command, RunOptions, Runner } from '../../src/base/process.ts';
import { LibvirtRunner, parseLibvirtUri } from '../../src/engines/libvirtEndpoint.ts';
import { virshCommands } from '../../src/engines/virsh.ts';
import { VirshChannel } from '../../src/engines/virshChannel.ts';
import { virshError } from '../../src/engines/virshErrors.ts';
import { chooseAcceleration, probeVirtualisation } from '../../src/environments/vm/acceleration.ts';
import { MachineHost } from '../../src/environments/vm/machineHost.ts';
import { vmRequirements } from '../../src/environments/vm/requirements.ts';
import { never } from './support/docker.ts';
import { knownKey, sshOf, type Client } from './support/sshClient.ts';
import { SshServer } from './support/sshServer.ts';

/** Keeps what was started. */
class KeepingRunner implements Runner {
  readonly started: string[] = [];
  readonly #runner: ExecaRunner;

  constructor(runner: ExecaRunner) {
    this.#runner = runner;
  }

  run<T>(command: Command<T>, options?: RunOptions): Promise<T> {
    this.started.push([command.program, ...command.args].join(' '));
    return this.#runner.run(command, options);
  }
}

/** This machine's libvirt, behind a real sshd. */
describe('a libvirt on another computer', () => {
  let server: SshServer;
  let folder: string;
  const runners: { dispose(): void }[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-remote-'));
    server = await SshServer.start();
  });
  afterAll(async () => {
    for (const runner of runners.toReversed()) runner.dispose();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function over(client: Client = {}) {
    const env = {
      PATH: sshOf(server, path.join(folder, String(runners.length)), client),
      SSH_AUTH_SOCK: undefined,
    };
    const real = new ExecaRunner(silentLogger, env);
    const keeping = new KeepingRunner(real);
    const endpoint = parseLibvirtUri(`qemu+ssh://root@127.0.0.1:${server.port}/system`, 'setting');
    const bounds = { answerMs: 20_000, stuckMs: 5_000 };
    const channel = new VirshChannel(new LibvirtRunner(keeping, endpoint), silentLogger, bounds);
    runners.push(real, channel);
    return { channel, host: new MachineHost(endpoint, channel), started: keeping.started };
  }

  const failure = async (client: Client): Promise<unknown> =>
    over(client)
      .channel.run(virshCommands.networks())
      .catch((error: unknown) => virshError(error, 'No answer.'));

  it('answers through one channel, over one login', async () => {
    const { channel, started } = over();
    const local = new ExecaRunner(silentLogger);
    runners.push(local);
    const pools = await local.run(virshCommands.pools());
    for (let n = 0; n < 5; n += 1) expect(await channel.run(virshCommands.pools())).toEqual(pools);
    expect(started).toEqual([
      `virsh --quiet --connect qemu+ssh://root@127.0.0.1:${server.port}/system?no_tty=1`,
    ]);
  });

  it('says what its computer has, which is what this one’s own libvirt says', async () => {
    const { host } = over();
    const local = new ExecaRunner(silentLogger);
    runners.push(local);
    expect(await host.size(never)).toEqual(await local.run(virshCommands.node()));
    const [there, here] = [await host.virtualisation(never), await probeVirtualisation()];
    expect(chooseAcceleration('auto', there).type).toBe(chooseAcceleration('auto', here).type);
  });

  it('names its computer in Check Requirements', async () => {
    const { channel, host } = over();
    const rows = await vmRequirements(channel, host, never);
    const row = rows.find(({ name }) => name === 'libvirt');
    expect(row?.ok).toBe(true);
    expect(row?.detail).toContain(` on root@127.0.0.1:${server.port}`);
  });

  it('is refused where its host key changed, with the fingerprint that it has now', async () => {
    const line = execFileSync('ssh-keygen', ['-lf', path.join(server.folder, 'host.pub')], {
      encoding: 'utf8',
    });
    // The client's own key, as that of a host that is somebody else's.
    const error = await failure({ known: knownKey(server, 'client') });
    expect(error).toMatchObject({ code: 'ssh.hostKey', what: 'No answer.' });
    expect(String(error)).toContain(line.split(' ')[1]);
  });

  it('is not taken for known before a person knows it', async () => {
    expect(await failure({ known: '' })).toMatchObject({ code: 'ssh.hostKey' });
  });

  it('whose host lets nobody in says so', async () => {
    const key = path.join(folder, 'stranger');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    expect(await failure({ key })).toMatchObject({ code: 'libvirt.permission' });
  });
});
