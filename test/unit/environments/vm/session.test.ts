import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { SwitchyardError } from '../../../../src/base/errors.ts';
import { CommandFailed, type Command, type Runner } from '../../../../src/base/process.ts';
import { virshError } from '../../../../src/engines/virshErrors.ts';
import { parseForwards, parsePools } from '../../../../src/engines/virshSession.ts';
import { dialForwarded } from '../../../../src/environments/vm/dialForwarded.ts';
import { forwardedPort, usualPort } from '../../../../src/environments/vm/forwardedPort.ts';
import { ensureSessionPool } from '../../../../src/environments/vm/sessionStorage.ts';
import { expectHere } from '../../../../src/environments/vm/supported.ts';

const never = new AbortController().signal;

/** As QEMU 7.2 prints it: a forwarded port, one for another port of the guest, and a connection of the moment. */
const table = (rows: readonly (readonly [number, number])[]): string => `Hub -1 (hostua-net-0):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[ESTABLISHED]   18       127.0.0.1 40000       10.0.2.15    22     0     0
${rows.map(([from, to]) => `  TCP[HOST_FORWARD]  14       127.0.0.1 ${from}       10.0.2.15    ${to}     0     0\n`).join('')}
`;

function failure(args: readonly string[], stderr: string): CommandFailed {
  return new CommandFailed({ program: 'virsh', args, reason: 'exit', exitCode: 1, stderr });
}

/** A QEMU that passes ports on, but for those that somebody else has. */
class FakeMonitor implements Runner {
  readonly wanted: number[] = [];
  readonly forwards: [number, number][] = [];
  readonly #taken: ReadonlySet<number>;

  constructor(taken: readonly number[] = []) {
    this.#taken = new Set(taken);
  }

  run<T>(command: Command<T>): Promise<T> {
    const port = /hostfwd_add tcp:127\.0\.0\.1:(\d+)-:22$/.exec(command.args.join(' '))?.[1];
    if (port === undefined) return Promise.resolve(command.parse(table(this.forwards)));
    this.wanted.push(Number(port));
    if (this.#taken.has(Number(port)))
      return Promise.resolve(command.parse('Could not set up host forwarding'));
    this.forwards.push([Number(port) || 40_123, 22]);
    return Promise.resolve(command.parse(''));
  }
}

describe('the port of a machine without an address', () => {
  it('is asked for once, and is the same at each start', async () => {
    const monitor = new FakeMonitor();
    const port = usualPort('one');
    expect(port).toBeGreaterThanOrEqual(61_000);
    expect(port).toBeLessThanOrEqual(65_535);
    expect(await forwardedPort(monitor, 'one', never)).toEqual({ host: '127.0.0.1', port });
    expect(await forwardedPort(monitor, 'one', never)).toEqual({ host: '127.0.0.1', port });
    expect(monitor.wanted).toEqual([port]);
    expect(usualPort('other')).not.toBe(port);
  });

  it('is another one where somebody has it', async () => {
    const monitor = new FakeMonitor([usualPort('one')]);
    expect(await forwardedPort(monitor, 'one', never)).toEqual({ host: '127.0.0.1', port: 40_123 });
  });

  it('is not one of another service of the guest', async () => {
    const monitor = new FakeMonitor();
    monitor.forwards.push([8080, 80]);
    expect((await forwardedPort(monitor, 'one', never))?.port).toBe(usualPort('one'));
    expect(parseForwards(table([[8080, 80]]))).toEqual([{ hostPort: 8080, guestPort: 80 }]);
  });

  it('is none where the machine does not run, and any other trouble is told', async () => {
    const off: Runner = {
      run: ({ args }) =>
        Promise.reject(failure(args, 'error: Requested operation is not valid: domain is not running\n')),
    };
    expect(await forwardedPort(off, 'one', never)).toBeUndefined();
    const broken: Runner = { run: ({ args }) => Promise.reject(failure(args, 'error: monitor is gone\n')) };
    await expect(forwardedPort(broken, 'one', never)).rejects.toBeInstanceOf(CommandFailed);
  });
});

describe('a port that is passed on', () => {
  const peers = new Set<Socket>();
  let server: net.Server;

  afterEach(() => {
    for (const peer of peers) peer.destroy();
    peers.clear();
    server.close();
  });

  async function listen(
    greet: (count: number, peer: Socket) => void,
  ): Promise<{ host: string; port: number }> {
    server = net.createServer((peer) => {
      peers.add(peer);
      greet(peers.size, peer);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  it('is reached once the machine speaks, not once the port takes a connection', async () => {
    // The machine behind it comes up with the third attempt; it never answers the first two.
    const at = await listen((count, peer) => {
      if (count === 3) peer.end('SSH-2.0-x\r\n');
    });
    const socket = await dialForwarded(at, 60_000, never);
    expect(Buffer.concat((await socket?.toArray()) as Buffer[]).toString()).toBe('SSH-2.0-x\r\n');
  });

  it('is not reached where it hangs up without a word', async () => {
    const at = await listen((_count, peer) => void peer.end());
    expect(await dialForwarded(at, 400, never)).toBeUndefined();
  });
});

describe('the storage of a session', () => {
  /** Answers `pool-list` with this state of the pool, and keeps what else is asked. */
  class FakePools implements Runner {
    readonly done: string[] = [];
    readonly #list: string;

    constructor(list: string) {
      this.#list = list;
    }

    run<T>(command: Command<T>): Promise<T> {
      const verb = command.args.find((arg) => arg.startsWith('pool-')) ?? '';
      if (verb !== 'pool-list') this.done.push(verb);
      return Promise.resolve(command.parse(verb === 'pool-list' ? this.#list : ''));
    }
  }

  it.each([
    ['', ['pool-define-as', 'pool-build', 'pool-start', 'pool-autostart']],
    [' default   inactive   no\n', ['pool-start', 'pool-autostart']],
    [' default   active     yes\n', []],
  ])('is brought up from %j', async (list, done) => {
    const pools = new FakePools(list);
    await ensureSessionPool(pools, never);
    expect(pools.done).toEqual(done);
  });

  it('is read', () => {
    expect([...parsePools(' default   active     yes\n mine      inactive   no\n')]).toEqual([
      ['default', 'active'],
      ['mine', 'inactive'],
    ]);
  });
});

describe('what a session cannot', () => {
  it('names what to do about its own libvirt, and not about the system’s', () => {
    const args = ['--quiet', '--connect', 'qemu:///session', 'start'];
    const kvm = virshError(
      failure(args, 'error: Could not access KVM kernel module: Permission denied\n'),
      'W',
    );
    expect(kvm).toMatchObject({ code: 'libvirt.permission', next: expect.stringContaining('kvm') as string });
    const dead = virshError(failure(args, 'error: failed to connect to the hypervisor\n'), 'W');
    expect(dead).toMatchObject({ code: 'libvirt.notRunning' });
    expect(dead instanceof SwitchyardError && dead.next).not.toContain('systemctl');
  });

  it('makes no machine of a box', () => {
    expect(() => expectHere({ name: undefined, isSession: true })).toThrow(/no address/);
    expect(() => expectHere({ name: undefined, isSession: false })).not.toThrow();
  });
});
