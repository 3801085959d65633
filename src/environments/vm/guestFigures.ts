import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';

/** What a machine says of itself at one moment, where no hypervisor does. Undefined parts were not told. */
export interface GuestFigures {
  /** Since it started, all its CPUs together, in ticks of its clock. */
  readonly busyTicks: number | undefined;
  readonly allTicks: number | undefined;
  readonly cpus: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly memoryLimitBytes: number | undefined;
  /** Taken on its root file system. */
  readonly diskBytes: number | undefined;
}

const KiB = 1024;

/** One shell, whose programs every Linux has. */
const script = 'cat /proc/stat /proc/meminfo; df -kP / 2>/dev/null';

/** Asks a machine itself. @throws SwitchyardError */
export async function guestFigures(connection: Connection, signal: AbortSignal): Promise<GuestFigures> {
  const { stdout } = await run(connection, { argv: ['/bin/sh', '-c', script], cwd: '/' }, signal);
  return parseFigures(stdout.toString('utf8'));
}

/**
 * Reads /proc/stat, /proc/meminfo and `df -kP /`, one after the other.
 * @see proc_stat(5): user nice system idle iowait irq softirq steal, and guest times that user and nice hold already
 */
export function parseFigures(text: string): GuestFigures {
  const ticks = /^cpu\s+(.*)$/m.exec(text)?.[1]?.trim().split(/\s+/).slice(0, 8).map(Number);
  const all = ticks?.reduce((sum, one) => sum + one, 0);
  const idle = ticks && (ticks[3] ?? 0) + (ticks[4] ?? 0);
  const kib = (name: string): number | undefined => {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    return value === undefined ? undefined : Number(value) * KiB;
  };
  const total = kib('MemTotal');
  const available = kib('MemAvailable');
  const disk = /^\S+\s+\d+\s+(\d+)\s+\d+\s+\d+%\s+\/$/m.exec(text)?.[1];
  const cpus = text.match(/^cpu\d+\s/gm)?.length;
  return {
    busyTicks: all === undefined || idle === undefined ? undefined : all - idle,
    allTicks: all,
    cpus,
    memoryBytes: total === undefined || available === undefined ? undefined : Math.max(0, total - available),
    memoryLimitBytes: total,
    diskBytes: disk === undefined ? undefined : Number(disk) * KiB,
  };
}
