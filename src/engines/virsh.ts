import type { Readable } from 'node:stream';
import type { Command } from '../base/process.ts';
import {
  parseAddresses,
  parseBytes,
  parseDisks,
  parseDomainInfo,
  parseDomainStats,
  parseNetworks,
  parseNode,
  parseVolume,
  type DomainInfo,
  type DomainStats,
  type NodeInfo,
  type VolumeInfo,
} from './virshAnswers.ts';

/** Where the machines of Vagrant's libvirt provider live by default. */
export const systemUri = 'qemu:///system';

/** The libvirt of a person alone, who needs no rights for it: its machines run as that person. */
export const sessionUri = 'qemu:///session';

/** How long an answer may take that libvirt has at hand, in milliseconds. */
export const short = 20_000;
/** Longest bound that a timer takes, in milliseconds. */
const endless = 2 ** 31 - 1;

/** What stands before each command of virsh. */
export const virshOptions: readonly string[] = ['--quiet', '--connect', systemUri];

/** A call of virsh. */
export function virsh<T>(
  args: readonly string[],
  timeoutMs: number,
  parse: (stdout: string) => T,
): Command<T> {
  return {
    program: 'virsh',
    args: [...virshOptions, ...args],
    // What is parsed must not depend on the person's language.
    env: { LC_ALL: 'C' },
    timeoutMs,
    parse,
  };
}

const nothing = (): void => undefined;

export const virshCommands = {
  version: (): Command<{ libvirt: string; hypervisor: string }> =>
    virsh(['version'], short, (stdout) => ({
      libvirt: /Using library: libvirt (\S+)/.exec(stdout)?.[1] ?? '',
      hypervisor: /Running hypervisor: (.+)/.exec(stdout)?.[1]?.trim() ?? '',
    })),
  /** What libvirt's computer and its QEMU can do, as XML. */
  capabilities: (): Command<string> => virsh(['capabilities'], short, (stdout) => stdout),
  node: (): Command<NodeInfo> => virsh(['nodeinfo'], short, parseNode),
  networks: (): Command<ReadonlyMap<string, boolean>> => virsh(['net-list', '--all'], short, parseNetworks),
  domainInfo: (domain: string): Command<DomainInfo> =>
    virsh(['dominfo', '--domain', domain], short, parseDomainInfo),
  domainNames: (): Command<readonly string[]> =>
    virsh(['list', '--all', '--name'], short, (stdout) => stdout.split('\n').filter((name) => name !== '')),
  stats: (domain: string): Command<DomainStats> =>
    virsh(
      ['domstats', '--cpu-total', '--vcpu', '--balloon', '--block', '--', domain],
      short,
      parseDomainStats,
    ),
  /** Lets the guest tell its memory use every so often; without it the figures stand still. */
  reportMemory: (domain: string, seconds: number): Command<void> =>
    virsh(
      ['dommemstat', '--domain', domain, '--period', String(seconds), '--live', '--config'],
      short,
      nothing,
    ),
  addresses: (domain: string): Command<readonly string[]> =>
    virsh(['domifaddr', '--domain', domain, '--source', 'lease'], short, parseAddresses),
  xml: (domain: string): Command<string> => virsh(['dumpxml', '--domain', domain], short, (stdout) => stdout),
  /** As it is defined, whatever it runs with now; what libvirt otherwise keeps to itself is in it. */
  definition: (domain: string): Command<string> =>
    virsh(['dumpxml', '--inactive', '--security-info', '--domain', domain], short, (stdout) => stdout),
  /** @param file with the domain's XML */
  define: (file: string): Command<void> => virsh(['define', '--file', file], short, nothing),
  start: (domain: string): Command<void> => virsh(['start', '--domain', domain], 120_000, nothing),
  resume: (domain: string): Command<void> => virsh(['resume', '--domain', domain], short, nothing),
  /** Stands still, and keeps its memory. */
  pause: (domain: string): Command<void> => virsh(['suspend', '--domain', domain], short, nothing),
  managedSave: (domain: string): Command<void> =>
    virsh(['managedsave', '--domain', domain], 10 * 60_000, nothing),
  /**
   * Writes the memory of a running domain into a file that is not there yet, and from that very moment lets its
   * disk `vda` be another one, which stands on the disk as it was. It stands still meanwhile: under emulation what was
   * written live came back damaged.
   * @param disk absolute path of a volume that stands on the present disk
   */
  keepMemory: (domain: string, memory: string, disk: string): Command<void> =>
    virsh(
      [
        ...['snapshot-create-as', '--domain', domain, '--no-metadata', '--atomic', '--reuse-external'],
        ...['--memspec', `file=${commas(memory)},snapshot=external`],
        ...['--diskspec', `vda,snapshot=external,driver=qcow2,file=${commas(disk)}`],
      ],
      10 * 60_000,
      nothing,
    ),
  /** Starts a domain with the memory that `keepMemory` wrote. @param xml file with what it runs with */
  restore: (memory: string, xml: string): Command<void> =>
    virsh(['restore', '--file', memory, '--xml', xml], 120_000, nothing),
  managedSaveRemove: (domain: string): Command<void> =>
    virsh(['managedsave-remove', '--domain', domain], 60_000, nothing),
  /** Asks the guest to power off; returns at once. */
  shutdown: (domain: string): Command<void> => virsh(['shutdown', '--domain', domain], short, nothing),
  /** Pulls the plug. */
  destroy: (domain: string): Command<void> => virsh(['destroy', '--domain', domain], 60_000, nothing),
  undefine: (domain: string): Command<void> =>
    virsh(
      ['undefine', '--domain', domain, '--managed-save', '--snapshots-metadata', '--nvram'],
      60_000,
      nothing,
    ),
  pools: (): Command<readonly string[]> =>
    virsh(['pool-list', '--name'], short, (stdout) =>
      stdout
        .split('\n')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
    ),
  volumes: (pool: string): Command<readonly string[]> =>
    virsh(['vol-list', '--pool', pool], short, (stdout) =>
      stdout.split('\n').flatMap((line) => /^\s*(.+?)\s{2,}\//.exec(line)?.[1] ?? []),
    ),
  /** Absolute path of a volume on the computer of libvirt. */
  volumePath: (pool: string, volume: string): Command<string> =>
    virsh(['vol-path', '--pool', pool, '--vol', volume], short, (stdout) => stdout.trim()),
  /** Makes a disk that holds what changes against another one of the same pool. */
  volumeOver: (pool: string, volume: string, base: string, bytes: number): Command<void> =>
    virsh(
      [
        ...[
          'vol-create-as',
          '--pool',
          pool,
          '--name',
          volume,
          '--capacity',
          `${bytes}B`,
          '--format',
          'qcow2',
        ],
        ...['--backing-vol', base, '--backing-vol-format', 'qcow2'],
      ],
      60_000,
      nothing,
    ),
  volumeCreate: (pool: string, volume: string, bytes: number): Command<void> =>
    virsh(
      ['vol-create-as', '--pool', pool, '--name', volume, '--capacity', `${bytes}B`, '--format', 'raw'],
      60_000,
      nothing,
    ),
  /** @param file on this computer */
  volumeUpload: (pool: string, volume: string, file: string): Command<void> =>
    virsh(['vol-upload', '--pool', pool, '--vol', volume, '--file', file], 10 * 60_000, nothing),
  volumeDelete: (pool: string, volume: string): Command<void> =>
    virsh(['vol-delete', '--pool', pool, '--vol', volume], 60_000, nothing),
  /** A disk that takes no more room than is written to it. @param bytes what it can grow to */
  diskCreate: (pool: string, volume: string, bytes: number): Command<void> =>
    virsh(
      ['vol-create-as', '--pool', pool, '--name', volume, '--capacity', `${bytes}B`, '--format', 'qcow2'],
      60_000,
      nothing,
    ),
  /** Plugs a disk into a domain that runs, and for all its later runs. @param disk.serial at most 20 bytes */
  attachDisk: (
    domain: string,
    disk: { readonly path: string; readonly device: string; readonly serial: string },
  ): Command<void> =>
    virsh(
      [
        ...['attach-disk', '--domain', domain, '--source', disk.path, '--target', disk.device],
        ...['--driver', 'qemu', '--subdriver', 'qcow2', '--serial', disk.serial, '--live', '--config'],
      ],
      60_000,
      nothing,
    ),
  /** Takes a disk off a domain that is off. */
  detachDisk: (domain: string, device: string): Command<void> =>
    virsh(['detach-disk', '--domain', domain, '--target', device, '--config'], 60_000, nothing),
  disks: (domain: string): Command<readonly { readonly device: string; readonly path: string }[]> =>
    virsh(['domblklist', '--domain', domain, '--details'], short, parseDisks),
  /** The names of a domain's snapshots that libvirt keeps. */
  snapshots: (domain: string): Command<readonly string[]> =>
    virsh(['snapshot-list', '--domain', domain, '--name'], short, (stdout) =>
      stdout.split('\n').filter((name) => name !== ''),
    ),
  volume: (pool: string, volume: string): Command<VolumeInfo> =>
    virsh(['vol-dumpxml', '--pool', pool, '--vol', volume], short, parseVolume),
  /** Bytes that a volume takes on the host. */
  volumeBytes: (pool: string, volume: string): Command<number | undefined> =>
    virsh(['vol-info', '--bytes', '--pool', pool, '--vol', volume], short, (stdout) =>
      parseBytes(stdout, 'Allocation'),
    ),
  /** Bytes that a volume seems to have from within. */
  volumeCapacity: (pool: string, volume: string): Command<number | undefined> =>
    virsh(['vol-info', '--bytes', '--pool', pool, '--vol', volume], short, (stdout) =>
      parseBytes(stdout, 'Capacity'),
    ),
  networkXml: (network: string): Command<string> =>
    virsh(['net-dumpxml', '--network', network], short, (stdout) => stdout),
  /** @param file with the network's XML */
  networkDefine: (file: string): Command<void> => virsh(['net-define', '--file', file], short, nothing),
  networkStart: (network: string): Command<void> =>
    virsh(['net-start', '--network', network], short, nothing),
  networkUndefine: (network: string): Command<void> =>
    virsh(['net-undefine', '--network', network], short, nothing),
  networkAutostart: (network: string): Command<void> =>
    virsh(['net-autostart', '--network', network], short, nothing),
  /** Never ends by itself; its first line says that libvirt is there, the others are events (`parseEvent`). */
  events: (): Command<void> => ({
    ...virsh(['uri; event --all --loop --timestamp'], endless, nothing),
    tied: true,
  }),
  /** Answers what is written to it, line by line, until its input ends. */
  conversation: (input: Readable): Command<void> => ({
    ...virsh([], endless, nothing),
    // It reads lines as for a person: not with that person's keys, and not into that person's history.
    env: { LC_ALL: 'C', TERM: 'dumb', INPUTRC: '/dev/null', XDG_CACHE_HOME: '/dev/null' },
    input,
  }),
};

/** A value inside a list that virsh takes apart at commas. */
function commas(value: string): string {
  return value.replaceAll(',', ',,');
}
