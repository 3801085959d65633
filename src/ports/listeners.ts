import type { GuestPort } from '../config/ports.ts';

/** Something that listens on a TCP port inside. */
export interface Listener {
  readonly port: number;
  /** Where to connect to from inside, the likeliest first. */
  readonly hosts: readonly string[];
  /** The owner's user id. */
  readonly uid: number;
  /** Its command line, where the connection's user may see it. */
  readonly command: string | undefined;
}

/** Where a port is looked for while nobody is known to listen on it. */
export function hostsOf({ host }: GuestPort, listener: Listener | undefined): readonly string[] {
  return host === undefined ? (listener?.hosts ?? ['127.0.0.1', '::1']) : [host];
}

const listening = '0A';

/**
 * Reads lines of /proc/net/tcp and tcp6; a command line may follow each after a tab. One listener a port.
 * The addresses are words of four bytes in the guest's byte order, which is taken to be little-endian.
 * @see https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt
 */
export function parseListeners(lines: readonly string[]): readonly Listener[] {
  const found = new Map<number, Listener>();
  for (const line of lines) {
    const [row = '', command] = line.split('\t');
    const [, local = '', , state, , , , uid] = row.trim().split(/\s+/);
    const [hex = '', hexPort = ''] = local.split(':');
    const hosts = hostsOfAddress(hex);
    if (state !== listening || !hosts) continue;
    const port = Number.parseInt(hexPort, 16);
    if (!(port > 0)) continue;
    const before = found.get(port);
    found.set(port, {
      port,
      hosts: [...new Set([...(before?.hosts ?? []), ...hosts])],
      uid: before?.uid ?? Number(uid),
      command: before?.command ?? (command === undefined || command === '' ? undefined : command),
    });
  }
  return [...found.values()].sort((one, other) => one.port - other.port);
}

/** Undefined where nobody but the machinery speaks to that address. */
function hostsOfAddress(hex: string): readonly string[] | undefined {
  const bytes = bytesOf(hex);
  if (bytes.length === 4) return hostsOf4(bytes);
  if (bytes.length !== 16) return undefined;
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return hostsOf4(bytes.slice(12));
  const leading = bytes.slice(0, 15).every((byte) => byte === 0);
  // Where a guest has no IPv6 on its loopback, what listens on all addresses answers on IPv4's.
  if (leading && bytes[15] === 0) return ['127.0.0.1', '::1'];
  if (leading && bytes[15] === 1) return ['::1'];
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  );
  return [groups.join(':')];
}

function hostsOf4(bytes: readonly number[]): readonly string[] | undefined {
  const address = bytes.join('.');
  // Docker's own name server, in every container of a network that somebody made.
  if (address === '127.0.0.11') return undefined;
  return [address === '0.0.0.0' ? '127.0.0.1' : address];
}

function bytesOf(hex: string): number[] {
  const words = hex.match(/.{8}/g) ?? [];
  return words.flatMap((word) =>
    (word.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).reverse(),
  );
}

/**
 * Whether it belongs to the system and not to the project: its services (SSH's server, a name server) would
 * be offered in every machine.
 */
export function isSystems(listener: Listener, user: string): boolean {
  if (listener.port === 22) return true;
  return user !== 'root' && listener.uid === 0 && listener.port < 1024;
}
