import { readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import { CommandFailed, type Runner } from '../../base/process.ts';
import { virshCommands } from '../../engines/virsh.ts';
import { isNoNetwork, virshError } from '../../engines/virshErrors.ts';

/** libvirt's network that the machines of Switchyard share. */
export const networkName = 'switchyard';

/** How many parts of the network are tried where libvirt says that one is in use. */
const maxAttempts = 20;

/** What a Vagrantfile has to say of it. */
export interface MachineNetwork {
  readonly name: string;
  /** As `address/bits`. */
  readonly subnet: string;
}

/**
 * A network of our own, because libvirt's and vagrant-libvirt's have the spanning tree protocol on: a machine
 * that wakes is then unheard for two forward delays, four seconds. There is one bridge, so there is no loop
 * to protect from.
 * @see https://libvirt.org/formatnetwork.html#connectivity
 * @param where.folder where a file may be written for the moment
 * @param where.isElsewhere libvirt is another computer's, whose own networks nobody here knows
 * @throws SwitchyardError `libvirt.*`
 */
export async function ensureNetwork(
  runner: Runner,
  where: { readonly folder: string; readonly isElsewhere: boolean },
  signal: AbortSignal,
): Promise<MachineNetwork> {
  try {
    const known = await describeNetwork(runner, signal);
    if (known) {
      const networks = await runner.run(virshCommands.networks(), { signal });
      if (networks.get(networkName) !== true) {
        await runner.run(virshCommands.networkStart(networkName), { signal });
      }
      return known;
    }
    const taken = new Set(where.isElsewhere ? [] : await takenSubnets());
    for (let attempt = 1; ; attempt += 1) {
      const third = freeSubnet(taken);
      try {
        await defineNetwork(runner, third, where.folder, signal);
        return { name: networkName, subnet: subnetOf(third) };
      } catch (error) {
        // libvirt looks at its computer's routes before it starts one.
        if (!isSubnetTaken(error) || attempt === maxAttempts) throw error;
        await runner.run(virshCommands.networkUndefine(networkName), { signal });
        taken.add(third);
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    // Another window made it at the same moment.
    const made = await describeNetwork(runner, signal).catch(() => undefined);
    if (made) return made;
    throw virshError(error, l10n.t('The network of the virtual machines could not be made.'));
  }
}

async function defineNetwork(
  runner: Runner,
  third: number,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  // A file, because virsh opens its input by name, which Node's pipes do not have.
  const file = path.join(folder, 'network.xml');
  await writeFile(file, networkXml(third));
  await runner.run(virshCommands.networkDefine(file), { signal });
  await rm(file);
  await runner.run(virshCommands.networkStart(networkName), { signal });
  await runner.run(virshCommands.networkAutostart(networkName), { signal });
}

function isSubnetTaken(error: unknown): boolean {
  return error instanceof CommandFailed && /already in use by interface/i.test(error.stderr);
}

async function describeNetwork(runner: Runner, signal: AbortSignal): Promise<MachineNetwork | undefined> {
  try {
    const xml = await runner.run(virshCommands.networkXml(networkName), { signal });
    const third = /<ip [^>]*address=['"]192\.168\.(\d+)\.1['"]/.exec(xml)?.[1];
    return third === undefined ? undefined : { name: networkName, subnet: subnetOf(Number(third)) };
  } catch (error) {
    if (isNoNetwork(error)) return undefined;
    throw error;
  }
}

function subnetOf(third: number): string {
  return `192.168.${third}.0/24`;
}

export function networkXml(third: number): string {
  const prefix = `192.168.${third}`;
  return `<network>
  <name>${networkName}</name>
  <forward mode='nat'/>
  <bridge stp='off' delay='0'/>
  <ip address='${prefix}.1' netmask='255.255.255.0'>
    <dhcp><range start='${prefix}.2' end='${prefix}.254'/></dhcp>
  </ip>
</network>
`;
}

/**
 * The third byte of a 192.168.x.0/24 that this computer has no address or route in.
 * @throws SwitchyardError `libvirt.failed`
 */
export function freeSubnet(taken: ReadonlySet<number>): number {
  // From the upper end: routers at home and libvirt itself choose from the lower one.
  for (let third = 243; third > 130; third -= 1) if (!taken.has(third)) return third;
  throw new SwitchyardError({
    code: 'libvirt.failed',
    what: l10n.t('The network of the virtual machines could not be made.'),
    why: l10n.t('No part of 192.168.0.0/16 is free on this computer.'),
    next: l10n.t('Make a libvirt network with the name "{0}" by hand.', networkName),
    remedies: [{ do: 'showLog' }],
  });
}

async function takenSubnets(): Promise<ReadonlySet<number>> {
  const taken = new Set<number>();
  for (const addresses of Object.values(os.networkInterfaces())) {
    for (const { address } of addresses ?? []) {
      const third = /^192\.168\.(\d+)\./.exec(address)?.[1];
      if (third !== undefined) taken.add(Number(third));
    }
  }
  return new Set([...taken, ...routedSubnets(await readFile('/proc/net/route', 'utf8').catch(() => ''))]);
}

/** Third bytes of the 192.168.x routes of /proc/net/route, which has addresses as little-endian hexadecimal. */
export function routedSubnets(table: string): number[] {
  return table.split('\n').flatMap((line) => {
    const destination = line.split('\t')[1] ?? '';
    if (!/^[0-9A-F]{8}$/.test(destination)) return [];
    const [third = 0, second, first] = [2, 4, 6].map((at) =>
      Number.parseInt(destination.slice(at, at + 2), 16),
    );
    return first === 192 && second === 168 ? [third] : [];
  });
}
