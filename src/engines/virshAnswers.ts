import { fromXml } from './xml.ts';

const KiB = 1024;

/** As `virsh domstate` names them. */
export type DomainState =
  'running' | 'idle' | 'paused' | 'in shutdown' | 'shut off' | 'crashed' | 'pmsuspended' | 'no state';

export interface DomainInfo {
  readonly uuid: string;
  readonly state: DomainState;
  /** Its memory lies on disk and comes back at the next start. */
  readonly managedSave: boolean;
  /** Numbers its present run, as libvirt does; undefined unless it runs. */
  readonly run: string | undefined;
}

/** Figures of a domain at one moment. Undefined parts were not told. */
export interface DomainStats {
  /** Processor time used since it started, in nanoseconds, by all its CPUs together. */
  readonly cpuTimeNs: number | undefined;
  readonly cpus: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly memoryLimitBytes: number | undefined;
  /** Bytes on the host that its disks take. */
  readonly diskBytes: number | undefined;
}

/** Something that happened to a domain, as `virsh event` prints it. */
export interface DomainEvent {
  readonly domain: string;
  /** `lifecycle`, `reboot`, … */
  readonly event: string;
  /** "Started Booted", "Stopped Saved", …; empty where there is none. */
  readonly detail: string;
  readonly at: Date | undefined;
}

/** What a storage volume is. */
export interface VolumeInfo {
  /** What it seems to have from within. */
  readonly capacityBytes: number;
  /** Absolute path, on the computer of libvirt, of what it stands on; undefined where it stands by itself. */
  readonly backing: string | undefined;
}

/** What a computer has that runs machines. */
export interface NodeInfo {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** Reads `virsh dominfo`. */
export function parseDomainInfo(stdout: string): DomainInfo {
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}:\\s+(.*)$`, 'm').exec(stdout)?.[1]?.trim();
  const uuid = value('UUID');
  const state = value('State');
  if (uuid === undefined || state === undefined)
    throw new Error('virsh dominfo printed no UUID or no state.');
  return {
    uuid,
    state: state as DomainState,
    managedSave: value('Managed save') === 'yes',
    run: value('Id') === '-' ? undefined : value('Id'),
  };
}

/**
 * Reads `virsh domstats` of one domain. Memory in use is what the balloon driver says is available to the
 * guest less what it says is usable without swapping; a guest that tells nothing counts with what QEMU
 * takes on the host.
 * @see https://libvirt.org/manpages/virsh.html#domstats
 */
export function parseDomainStats(stdout: string): DomainStats {
  const values = new Map<string, number>();
  for (const line of stdout.split('\n')) {
    const match = /^\s+([\w.-]+)=(\d+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) values.set(match[1], Number(match[2]));
  }
  const kib = (key: string): number | undefined => {
    const value = values.get(key);
    return value === undefined ? undefined : value * KiB;
  };
  const available = kib('balloon.available');
  const free = kib('balloon.usable') ?? kib('balloon.unused');
  let disk: number | undefined;
  for (let block = 0; block < (values.get('block.count') ?? 0); block += 1) {
    const bytes = values.get(`block.${block}.physical`) ?? values.get(`block.${block}.allocation`);
    if (bytes !== undefined) disk = (disk ?? 0) + bytes;
  }
  return {
    cpuTimeNs: values.get('cpu.time'),
    cpus: values.get('vcpu.current'),
    memoryBytes:
      available !== undefined && free !== undefined ? Math.max(0, available - free) : kib('balloon.rss'),
    memoryLimitBytes: kib('balloon.maximum'),
    diskBytes: disk,
  };
}

/** IPv4 addresses out of `virsh domifaddr`. */
export function parseAddresses(stdout: string): string[] {
  return [...stdout.matchAll(/\bipv4\s+(\d+\.\d+\.\d+\.\d+)/g)].flatMap((match) => match[1] ?? []);
}

/** Reads a line of `virsh event --timestamp`; undefined for a line that begins no event. */
export function parseEvent(line: string): DomainEvent | undefined {
  const match = /^(?:(\S+ \S+): )?event '([\w-]+)' for domain '([^']*)'(?::\s*(.*))?$/.exec(line.trimEnd());
  if (match?.[2] === undefined || match[3] === undefined) return undefined;
  const at = match[1] === undefined ? undefined : new Date(match[1].replace(' ', 'T').replace('+0000', 'Z'));
  return {
    event: match[2],
    domain: match[3],
    detail: match[4] ?? '',
    at: at && Number.isNaN(at.getTime()) ? undefined : at,
  };
}

/** The disks out of `virsh domblklist --details`, with the device that each is in the guest. */
export function parseDisks(stdout: string): { device: string; path: string }[] {
  return [...stdout.matchAll(/^\s*file\s+disk\s+(\S+)\s+(\/.*?)\s*$/gm)].flatMap(([, device, path]) =>
    device === undefined || path === undefined ? [] : [{ device, path }],
  );
}

/** Reads `virsh vol-dumpxml`. @see https://libvirt.org/formatstorage.html#storage-volume-xml */
export function parseVolume(xml: string): VolumeInfo {
  const capacity = /<capacity unit='bytes'>(\d+)</.exec(xml)?.[1];
  if (capacity === undefined) throw new Error('virsh vol-dumpxml printed no capacity.');
  const backing = /<backingStore>\s*<path>([^<]*)<\/path>/.exec(xml)?.[1];
  return { capacityBytes: Number(capacity), backing: backing && fromXml(backing) };
}

/** Reads `virsh nodeinfo`. */
export function parseNode(stdout: string): NodeInfo {
  const value = (key: RegExp): number => Number(key.exec(stdout)?.[1] ?? 'NaN');
  const [cpus, kib] = [value(/^CPU\(s\):\s+(\d+)$/m), value(/^Memory size:\s+(\d+) KiB$/m)];
  if (Number.isNaN(cpus + kib)) throw new Error('virsh nodeinfo printed no CPUs or no memory.');
  return { cpus, memoryBytes: kib * KiB };
}

/** Networks by name, and whether each is active, out of `virsh net-list --all`. */
export function parseNetworks(stdout: string): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const line of stdout.split('\n')) {
    const match = /^\s*(\S+)\s+(active|inactive)\s/.exec(line);
    if (match?.[1] !== undefined) found.set(match[1], match[2] === 'active');
  }
  return found;
}

/** A figure out of `virsh vol-info --bytes`; undefined where it is not told. */
export function parseBytes(stdout: string, figure: 'Allocation' | 'Capacity'): number | undefined {
  const bytes = new RegExp(`^${figure}:\\s+(\\d+)`, 'm').exec(stdout)?.[1];
  return bytes === undefined ? undefined : Number(bytes);
}
