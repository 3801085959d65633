/**
 * What devcontainer.json says about ports.
 * @see https://containers.dev/implementors/json_reference/#port-attributes
 */

export const autoForwards = [
  'notify',
  'openBrowser',
  'openBrowserOnce',
  'openPreview',
  'silent',
  'ignore',
] as const;

/** What happens when something begins to listen on a port. */
export type AutoForward = (typeof autoForwards)[number];

export interface PortAttributes {
  readonly label: string | undefined;
  /** Undefined where the config does not say: it may be anything over TCP. */
  readonly protocol: 'http' | 'https' | undefined;
  readonly onAutoForward: AutoForward;
  /** The same number on this computer, or none. */
  readonly requireLocalPort: boolean;
}

/** A port as it is seen from inside. */
export interface GuestPort {
  /** Another host that the environment reaches (a service of its compose file); undefined: itself. */
  readonly host: string | undefined;
  readonly port: number;
}

/** A port that the config forwards whether something listens there or not. */
export interface ConfiguredPort extends GuestPort {
  /** Wanted on this computer. */
  readonly localPort: number;
}

/** Attributes and what they are for: a port, a range, `host:port`, or a pattern of the listener's command line. */
interface PortRule {
  readonly key: string;
  readonly attributes: Partial<PortAttributes>;
}

export interface PortsConfig {
  readonly forward: readonly ConfiguredPort[];
  /** Ports inside that the engine itself offers on this computer. */
  readonly published: readonly number[];
  readonly rules: readonly PortRule[];
  readonly otherwise: Partial<PortAttributes>;
}

/** The parts of a merged configuration that speak of ports; written by people, so of any shape. */
export interface PortProperties {
  readonly forwardPorts?: unknown;
  readonly portsAttributes?: unknown;
  readonly otherPortsAttributes?: unknown;
  readonly appPort?: unknown;
}

/**
 * @param publishes whether the environment's engine offers `appPort` itself; where it does not, these ports
 *   are forwarded like the others
 */
export function readPorts(config: PortProperties, publishes: boolean): PortsConfig {
  const appPorts = list(config.appPort).flatMap((entry) => appPort(entry) ?? []);
  const forward = list(config.forwardPorts).flatMap((entry) => forwardPort(entry) ?? []);
  return {
    forward: distinct(publishes ? forward : [...forward, ...appPorts]),
    published: publishes ? appPorts.map(({ port }) => port) : [],
    rules: Object.entries(asObject(config.portsAttributes)).map(([key, value]) => ({
      key,
      attributes: readAttributes(value),
    })),
    otherwise: readAttributes(config.otherPortsAttributes),
  };
}

/**
 * The attributes of a port: those of the first rule that names it, by number before by pattern, else those of
 * all others.
 * @param command the command line of what listens there, where that is known
 */
export function attributesOf(
  config: PortsConfig,
  port: GuestPort,
  command: string | undefined,
): PortAttributes {
  const rule =
    config.rules.find(({ key }) => namesPort(key, port)) ??
    config.rules.find(({ key }) => namesRange(key, port)) ??
    config.rules.find(({ key }) => command !== undefined && namesCommand(key, command));
  const chosen = rule?.attributes ?? config.otherwise;
  return {
    label: chosen.label,
    protocol: chosen.protocol,
    onAutoForward: chosen.onAutoForward ?? 'notify',
    requireLocalPort: chosen.requireLocalPort ?? false,
  };
}

/** A name for a port that stays the same: `3000`, `db:5432`. */
export function portKey({ host, port }: GuestPort): string {
  return host === undefined ? String(port) : `${host}:${port}`;
}

/** `3000`, `"3000"`, `"db:5432"`, `"localhost:3000"`; undefined where it is none of them. */
export function parseGuestPort(text: string): GuestPort | undefined {
  const [, host, digits] = /^(?:([^:\s]+):)?(\d+)$/.exec(text.trim()) ?? [];
  const port = Number(digits);
  if (digits === undefined || !isPort(port)) return undefined;
  return { host: isSelf(host) ? undefined : host, port };
}

function isSelf(host: string | undefined): boolean {
  return host === undefined || host === 'localhost' || host === '127.0.0.1';
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

function forwardPort(entry: unknown): ConfiguredPort | undefined {
  if (typeof entry !== 'number' && typeof entry !== 'string') return undefined;
  const port = parseGuestPort(String(entry));
  return port && { ...port, localPort: port.port };
}

/** As `docker run --publish` takes it: `3000`, `"8080:3000"`, `"127.0.0.1:8080:3000"`, each perhaps with `/tcp`. */
function appPort(entry: unknown): ConfiguredPort | undefined {
  if (typeof entry !== 'number' && typeof entry !== 'string') return undefined;
  const [, outside, inside] = /^(?:(?:[^:]+:)?(\d+):)?(\d+)(?:\/tcp)?$/.exec(String(entry).trim()) ?? [];
  const port = Number(inside);
  const localPort = Number(outside ?? inside);
  return isPort(port) && isPort(localPort) ? { host: undefined, port, localPort } : undefined;
}

function namesPort(key: string, port: GuestPort): boolean {
  const named = parseGuestPort(key);
  return named !== undefined && portKey(named) === portKey(port);
}

function namesRange(key: string, { host, port }: GuestPort): boolean {
  const [, first, last] = /^(\d+)\s*-\s*(\d+)$/.exec(key.trim()) ?? [];
  return host === undefined && first !== undefined && port >= Number(first) && port <= Number(last);
}

function namesCommand(key: string, command: string): boolean {
  if (/^[\d\s:-]+$/.test(key)) return false;
  try {
    return new RegExp(key).test(command);
  } catch (error) {
    // Not a pattern, so it names no command line.
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function readAttributes(value: unknown): Partial<PortAttributes> {
  const { label, protocol, onAutoForward, requireLocalPort } = asObject(value);
  const found = autoForwards.find((name) => name === onAutoForward);
  return {
    ...(typeof label === 'string' && label !== '' ? { label } : {}),
    ...(protocol === 'http' || protocol === 'https' ? { protocol } : {}),
    ...(found ? { onAutoForward: found } : {}),
    ...(typeof requireLocalPort === 'boolean' ? { requireLocalPort } : {}),
  };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function list(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly unknown[]) : [value];
}

function distinct(ports: readonly ConfiguredPort[]): readonly ConfiguredPort[] {
  return [...new Map(ports.map((port) => [portKey(port), port])).values()];
}
