import type { Connection } from '../../connections/connection.ts';
import type { DomainStats } from '../../engines/virshAnswers.ts';
import type { Usage } from '../environment.ts';
import { guestFigures } from './guestFigures.ts';

/** Turns a machine's counters into figures. Processor time needs two samples of the same run. */
export class VmUsage {
  /** What its processors worked so far, in shares of one processor, and when that was, in one unit. */
  #before: { readonly busy: number; readonly at: number } | undefined;

  /** @param stats the hypervisor's @param diskBaseBytes what the machine's disk stands on */
  ofDomain(stats: DomainStats, diskBaseBytes: number | undefined): Usage {
    const { cpuTimeNs, cpus, memoryBytes, memoryLimitBytes, diskBytes } = stats;
    const cpuPercent =
      cpuTimeNs === undefined || cpus === undefined
        ? undefined
        : this.#percent(cpuTimeNs / 1e6 / cpus, performance.now());
    return { cpuPercent, cpus, memoryBytes, memoryLimitBytes, diskBytes, diskBaseBytes };
  }

  /** What the machine says of itself, where its hypervisor says nothing. @throws SwitchyardError */
  async ofGuest(connection: Connection, signal: AbortSignal): Promise<Usage> {
    const figures = await guestFigures(connection, signal);
    const { busyTicks, allTicks, cpus, memoryBytes, memoryLimitBytes, diskBytes } = figures;
    const cpuPercent =
      busyTicks === undefined || allTicks === undefined ? undefined : this.#percent(busyTicks, allTicks);
    return { cpuPercent, cpus, memoryBytes, memoryLimitBytes, diskBytes, diskBaseBytes: undefined };
  }

  #percent(busy: number, at: number): number | undefined {
    const before = this.#before;
    this.#before = { busy, at };
    // Another run counts from nought again.
    if (!before || busy < before.busy || at <= before.at) return undefined;
    return Math.min(100, Math.max(0, ((busy - before.busy) / (at - before.at)) * 100));
  }
}
