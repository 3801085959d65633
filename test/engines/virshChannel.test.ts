import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExecaRunner } from '../../src/base/execaRunner.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Command, RunOptions, Runner } from '../../src/base/process.ts';
import { virshCommands } from '../../src/engines/virsh.ts';
import { isNoDomain } from '../../src/engines/virshErrors.ts';
import { VirshChannel } from '../../src/engines/virshChannel.ts';

/** Counts the processes that are started. */
class CountingRunner implements Runner {
  readonly runner = new ExecaRunner(silentLogger);
  count = 0;

  run<T>(command: Command<T>, options?: RunOptions): Promise<T> {
    this.count += 1;
    return this.runner.run(command, options);
  }
}

describe('the channel to the libvirt of this computer', () => {
  const counting = new CountingRunner();
  const channel = new VirshChannel(counting, silentLogger);
  let pools: readonly string[];
  beforeAll(async () => {
    pools = await counting.runner.run(virshCommands.pools());
  });
  afterAll(() => {
    channel.dispose();
    counting.runner.dispose();
  });

  it('gives the answers of a virsh of its own, by one process', async () => {
    for (let n = 0; n < 5; n += 1) expect(await channel.run(virshCommands.pools())).toEqual(pools);
    expect(await channel.run(virshCommands.domainNames())).toBeInstanceOf(Array);
    expect(counting.count).toBe(1);
  });

  it('fails as a virsh of its own does', async () => {
    const failure: unknown = await channel
      .run(virshCommands.domainInfo("it's not there"))
      .catch((error: unknown) => error);
    expect(isNoDomain(failure)).toBe(true);
    expect(await channel.run(virshCommands.pools())).toEqual(pools);
    expect(counting.count).toBe(1);
  });
});
