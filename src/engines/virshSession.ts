import type { Command } from '../base/process.ts';
import { short, virsh } from './virsh.ts';

/** A storage pool, as `virsh pool-list` tells of it. */
export type PoolState = 'active' | 'inactive';

/** What only a person's own libvirt is asked for: there nobody else brings up storage and network. */
export const sessionCommands = {
  pools: (): Command<ReadonlyMap<string, PoolState>> => virsh(['pool-list', '--all'], short, parsePools),
  /** @param folder absolute path, made where it is not there */
  poolDefine: (pool: string, folder: string): Command<void> =>
    virsh(['pool-define-as', '--name', pool, '--type', 'dir', '--target', folder], short, nothing),
  poolBuild: (pool: string): Command<void> => virsh(['pool-build', '--pool', pool], short, nothing),
  poolStart: (pool: string): Command<void> => virsh(['pool-start', '--pool', pool], short, nothing),
  /** Brings it up with each start of that libvirt, which ends whenever nobody needs it. */
  poolAutostart: (pool: string): Command<void> => virsh(['pool-autostart', '--pool', pool], short, nothing),
  /**
   * The ports of this computer's loopback that QEMU's user-mode network passes on to the guest.
   * @see https://www.qemu.org/docs/master/system/monitor.html (info usernet)
   */
  forwards: (domain: string): Command<readonly Forward[]> =>
    monitor(domain, ['info', 'usernet'], parseForwards),
  /**
   * Has one more passed on. QEMU's monitor says nothing where it did, and a sentence where it could not, without
   * failing: what counts is what `forwards` lists then.
   * @param hostPort 0: one that is free
   */
  forward: (domain: string, hostPort: number, guestPort: number): Command<void> =>
    monitor(domain, ['hostfwd_add', `tcp:${loopback}:${hostPort}-:${guestPort}`], nothing),
};

/** Where forwarded ports are: nobody on the network reaches a person's machines. */
export const loopback = '127.0.0.1';

/** A forwarded port. */
export interface Forward {
  readonly hostPort: number;
  readonly guestPort: number;
}

/** Says a line to the monitor of a running domain's QEMU. */
function monitor<T>(domain: string, words: readonly string[], parse: (stdout: string) => T): Command<T> {
  return virsh(['qemu-monitor-command', '--domain', domain, '--hmp', ...words], short, parse);
}

const nothing = (): void => undefined;

/** Reads `virsh pool-list --all`. */
export function parsePools(stdout: string): Map<string, PoolState> {
  return new Map(
    [...stdout.matchAll(/^\s*(\S+)\s+(active|inactive)\s/gm)].map(([, name = '', state]) => [
      name,
      state as PoolState,
    ]),
  );
}

/** Reads QEMU's table of its user-mode network, which also lists the connections of the moment. */
export function parseForwards(stdout: string): Forward[] {
  const line = /^\s*TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)\s/gm;
  return [...stdout.matchAll(line)].map(([, hostPort, guestPort]) => ({
    hostPort: Number(hostPort),
    guestPort: Number(guestPort),
  }));
}
