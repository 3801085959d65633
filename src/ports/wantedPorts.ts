import { attributesOf, portKey, type GuestPort, type PortsConfig } from '../config/ports.ts';
import { isSystems, type Listener } from './listeners.ts';

/** Who wanted it: the config, something that began to listen, or the person. */
export type PortOrigin = 'config' | 'found' | 'person';

/** A port of the environment that is to be forwarded. */
export interface WantedPort extends GuestPort {
  readonly origin: PortOrigin;
  /** The number that is asked for on this computer. */
  readonly localPort: number;
}

/** What decides which ports are forwarded. The keys are the names of the ports, as `portKey` writes them. */
export interface PortWishes {
  /** What counts only while the environment is the active one; undefined where it is not. */
  readonly active?:
    | {
        readonly config: PortsConfig;
        /** What listens inside, as far as it is ours to forward. */
        readonly found: readonly Listener[];
      }
    | undefined;
  readonly persons: ReadonlyMap<string, WantedPort>;
  /** Not wanted of the config or of what listens, until the person asks for them. */
  readonly ended: ReadonlySet<string>;
}

/** By the name of the port; who asked for it in person goes before the config, and that before what is found. */
export function wantedPorts({ active, persons, ended }: PortWishes): ReadonlyMap<string, WantedPort> {
  const wanted = new Map<string, WantedPort>();
  if (active) {
    const { config, found } = active;
    for (const { port, command } of found) {
      const guest = { host: undefined, port };
      if (attributesOf(config, guest, command).onAutoForward === 'ignore') continue;
      wanted.set(portKey(guest), { ...guest, localPort: port, origin: 'found' });
    }
    for (const port of config.forward) wanted.set(portKey(port), { ...port, origin: 'config' });
  }
  for (const key of ended) wanted.delete(key);
  for (const [key, port] of persons) wanted.set(key, port);
  return wanted;
}

/**
 * What of that which listens is the project's. What the engine offers needs nothing of us.
 * @param parts `hidden`: ports that belong to another part of ours; `user`: who works inside
 */
export function projectsListeners(
  listeners: readonly Listener[],
  parts: { readonly config: PortsConfig; readonly hidden: ReadonlySet<number>; readonly user: string },
): readonly Listener[] {
  return listeners.filter(
    (listener) =>
      !isSystems(listener, parts.user) &&
      !parts.hidden.has(listener.port) &&
      !parts.config.published.includes(listener.port),
  );
}
