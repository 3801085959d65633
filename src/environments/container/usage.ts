import type { ContainerStats } from 'dockerode';
import type { Usage } from '../environment.ts';

/** How much a container may use, from its `HostConfig`. */
export interface Limits {
  readonly NanoCpus?: number | undefined;
  readonly CpuQuota?: number | undefined;
  readonly CpuPeriod?: number | undefined;
}

/**
 * Resource use from two samples of the stats API.
 * CPU: the share of the computer's CPU time between both, of what the container may use.
 * Memory: without the page cache that the kernel gives back at once, as `docker stats` counts.
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerStats
 */
export function usageOf(
  now: ContainerStats,
  before: ContainerStats | undefined,
  limits: Limits,
): Omit<Usage, 'diskBytes' | 'diskBaseBytes'> {
  const online = now.cpu_stats.online_cpus || undefined;
  const cpus = cpusOf(limits) ?? online;
  const { usage, limit, stats } = now.memory_stats as Partial<ContainerStats['memory_stats']>;
  // cgroup v2 names it inactive_file; v1 total_inactive_file, which counts the groups below, too.
  const cache = (stats as Record<string, number> | undefined) ?? {};
  const inactive = cache['total_inactive_file'] ?? cache['inactive_file'] ?? 0;
  return {
    cpuPercent: before && online && cpus ? cpuPercent(now, before, online, cpus) : undefined,
    cpus,
    memoryBytes: usage === undefined ? undefined : Math.max(0, usage - inactive),
    memoryLimitBytes: limit,
  };
}

function cpuPercent(
  now: ContainerStats,
  before: ContainerStats,
  online: number,
  cpus: number,
): number | undefined {
  const used = now.cpu_stats.cpu_usage.total_usage - before.cpu_stats.cpu_usage.total_usage;
  const system = now.cpu_stats.system_cpu_usage - before.cpu_stats.system_cpu_usage;
  // A restart in between sets its counter back to zero.
  if (!(system > 0) || used < 0) return undefined;
  return Math.min(100, ((used / system) * online * 100) / cpus);
}

function cpusOf({ NanoCpus, CpuQuota, CpuPeriod }: Limits): number | undefined {
  if (NanoCpus) return NanoCpus / 1e9;
  if (CpuQuota && CpuQuota > 0) return CpuQuota / (CpuPeriod ?? 100_000);
  return undefined;
}
