import type { Duplex } from 'node:stream';
import type { Disposable } from '../base/disposable.ts';
import type { SwitchyardError } from '../base/errors.ts';
import { Emitter } from '../base/event.ts';
import type { Logger } from '../base/log.ts';
import {
  attributesOf,
  portKey,
  type GuestPort,
  type PortAttributes,
  type PortsConfig,
} from '../config/ports.ts';
import type { Environment, EnvironmentState } from '../environments/environment.ts';
import { Forward } from './forward.ts';
import { notRunning, taken } from './portErrors.ts';
import { hostsOf, type Listener } from './listeners.ts';
import { ListenerWatch } from './listenerWatch.ts';
import { projectsListeners, wantedPorts, type PortOrigin, type WantedPort } from './wantedPorts.ts';

/** Bound on reading what the config says about ports, in milliseconds. */
const detailsMs = 30_000;

/** A port of the environment that can be reached on 127.0.0.1 of this computer. */
export interface ForwardedPort extends GuestPort {
  /** Stays the same while it is the same port inside. */
  readonly key: string;
  readonly localPort: number;
  readonly origin: PortOrigin;
  readonly attributes: PortAttributes;
  /** Undefined where it is not known whether somebody listens. */
  readonly listening: boolean | undefined;
  /** The command line of what listens. */
  readonly command: string | undefined;
}

const noPorts: PortsConfig = { forward: [], published: [], rules: [], otherwise: {} };

/**
 * The ports of one environment. While it runs and is the active one, those of its config and those on which
 * something listens are forwarded; the ones that the person asked for as long as it runs. The forwards end with
 * its run, and come back with the next.
 */
export class EnvironmentPorts implements Disposable {
  readonly environment: Environment;
  readonly #isActive: () => boolean;
  readonly #leavesFound: boolean;
  readonly #log: Logger;
  readonly #changed = new Emitter<void>();
  /** Fires when `list` became another one. */
  readonly onDidChange = this.#changed.event;
  readonly #heard = new Emitter<ForwardedPort>();
  /** Fires when something began to listen on a port that is forwarded. */
  readonly onDidListen = this.#heard.event;
  readonly #failed = new Emitter<SwitchyardError>();
  /** Fires where a port cannot be forwarded as the config demands. */
  readonly onDidFail = this.#failed.event;
  readonly #forwards = new Map<string, { readonly forward: Forward; readonly wanted: WantedPort }>();
  readonly #persons = new Map<string, WantedPort>();
  /** What the person, or a failure that was told, ended; until it is asked for, or the run is over. */
  readonly #ended = new Set<string>();
  readonly #hidden = new Set<number>();
  #config = noPorts;
  readonly #watch: ListenerWatch;
  #settling: Promise<void> = Promise.resolve();
  #disposed = false;

  /** @param parts `leavesFound`: what begins to listen is somebody else's to forward and to tell */
  constructor(
    environment: Environment,
    parts: { readonly isActive: () => boolean; readonly leavesFound?: boolean; readonly log: Logger },
  ) {
    this.environment = environment;
    this.#leavesFound = parts.leavesFound ?? false;
    this.#isActive = parts.isActive;
    this.#log = parts.log;
    this.#watch = new ListenerWatch(environment, {
      onBegin: async () => {
        await this.#readConfig();
        void this.update();
      },
      onListeners: (now, before) => this.#hear(now, before),
      log: parts.log,
    });
  }

  /** In the order of their numbers. */
  get list(): readonly ForwardedPort[] {
    return [...this.#forwards.values()]
      .map(({ forward, wanted }) => this.#describe(forward, wanted))
      .sort((one, other) => one.port - other.port || (one.host ?? '').localeCompare(other.host ?? ''));
  }

  /** What the config says about ports, as far as it was read. */
  get config(): PortsConfig {
    return this.#config;
  }

  /** Makes what is forwarded fit what the environment and the config are now. Calls queue. */
  async update(): Promise<void> {
    await this.#inTurn(() => this.#settle());
  }

  /** Reads the config's ports anew, then updates. */
  async reload(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#readConfig();
      await this.#settle();
    });
  }

  /**
   * Forwards a port until the person ends it, or the environment is gone.
   * @param localPort wanted on this computer; another one is taken where it is not free
   * @throws SwitchyardError `environment.gone` where the environment does not run
   */
  async forward(port: GuestPort, localPort = port.port): Promise<ForwardedPort> {
    const key = portKey(port);
    if (this.environment.status.state !== 'running') throw notRunning(key);
    this.#ended.delete(key);
    this.#persons.set(key, { ...port, localPort, origin: 'person' });
    await this.update();
    const found = this.#forwards.get(key);
    if (!found) throw notRunning(key);
    return this.#describe(found.forward, found.wanted);
  }

  /** Ends a forward; one that was made by itself does not come back in this run of the environment. */
  async stop(key: string): Promise<void> {
    this.#persons.delete(key);
    this.#ended.add(key);
    await this.update();
  }

  /** Forwards nothing of this port by itself: it belongs to another part of ours. */
  hide(port: number): Disposable {
    this.#hidden.add(port);
    void this.update();
    return {
      dispose: () => {
        this.#hidden.delete(port);
        void this.update();
      },
    };
  }

  dispose(): void {
    this.#disposed = true;
    this.#watch.dispose();
    for (const { forward } of this.#forwards.values()) forward.dispose();
    this.#forwards.clear();
    for (const emitter of [this.#changed, this.#heard, this.#failed]) emitter.dispose();
  }

  /** What fails is logged, and nothing that comes after it is held up. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    this.#settling = this.#settling.then(work).catch((error: unknown) => {
      this.#log.warn(`The ports of the ${this.environment.kind}: ${String(error)}`);
    });
    await this.#settling;
  }

  async #settle(): Promise<void> {
    if (this.#disposed) return;
    const { state } = this.environment.status;
    if (hasEnded(state)) {
      this.#ended.clear();
      this.#watch.stop();
    }
    if (state === 'absent') this.#persons.clear();
    if (!this.#isActive()) this.#watch.stop();
    else if (state === 'running') this.#watch.start();
    const wanted = state === 'running' ? this.#wanted() : new Map<string, WantedPort>();
    let changed = false;
    for (const [key, { forward, wanted: before }] of this.#forwards) {
      const now = wanted.get(key);
      if (now?.localPort === before.localPort) continue;
      forward.dispose();
      this.#forwards.delete(key);
      changed = true;
    }
    for (const [key, port] of wanted) {
      const present = this.#forwards.get(key);
      if (present) this.#forwards.set(key, { forward: present.forward, wanted: port });
      else changed = (await this.#open(key, port)) || changed;
    }
    if (changed) this.#changed.fire();
  }

  #wanted(): ReadonlyMap<string, WantedPort> {
    const { connection, listeners = [] } = this.#watch;
    const [config, hidden, user] = [this.#config, this.#hidden, connection?.user ?? ''];
    const found = this.#leavesFound ? [] : projectsListeners(listeners, { config, hidden, user });
    const active = this.#isActive() ? { config, found } : undefined;
    return wantedPorts({ active, persons: this.#persons, ended: this.#ended });
  }

  async #open(key: string, port: WantedPort): Promise<boolean> {
    const only = attributesOf(this.#config, port, this.#listener(port)?.command).requireLocalPort;
    const forward = await Forward.listen({ wanted: port.localPort, only, log: this.#log }, (signal) =>
      this.#dial(port, signal),
    );
    if (!forward) {
      this.#persons.delete(key);
      this.#ended.add(key);
      this.#failed.fire(taken(port.localPort));
      return false;
    }
    if (this.#disposed) {
      forward.dispose();
      return false;
    }
    this.#log.info(
      `Port ${key} of the ${this.environment.kind} is forwarded from 127.0.0.1:${forward.localPort}`,
    );
    this.#forwards.set(key, { forward, wanted: port });
    if (this.#listener(port) && !this.#leavesFound) this.#heard.fire(this.#describe(forward, port));
    return true;
  }

  async #dial(port: GuestPort, signal: AbortSignal): Promise<Duplex> {
    const connection = await this.#watch.connect(signal);
    let failure: unknown;
    for (const host of hostsOf(port, this.#listener(port))) {
      try {
        return await connection.connectTcp(host, port.port, signal);
      } catch (error) {
        signal.throwIfAborted();
        failure ??= error;
      }
    }
    throw failure;
  }

  #listener({ host, port }: GuestPort): Listener | undefined {
    return host === undefined ? this.#watch.listeners?.find((listener) => listener.port === port) : undefined;
  }

  #describe({ localPort }: Forward, wanted: WantedPort): ForwardedPort {
    const { host, port, origin } = wanted;
    const listener = this.#listener(wanted);
    return {
      host,
      port,
      origin,
      localPort,
      key: portKey(wanted),
      attributes: attributesOf(this.#config, wanted, listener?.command),
      listening: host === undefined && this.#watch.listeners ? listener !== undefined : undefined,
      command: listener?.command,
    };
  }

  async #readConfig(): Promise<void> {
    try {
      this.#config = (await this.environment.details(AbortSignal.timeout(detailsMs))).ports;
    } catch (error) {
      this.#log.debug(`The ${this.environment.kind}'s ports could not be read: ${String(error)}`);
    }
  }

  #hear(listeners: readonly Listener[], known: readonly Listener[]): void {
    const before = new Set(known.map(({ port }) => port));
    for (const { port } of listeners) {
      const present = this.#forwards.get(String(port));
      if (present && !before.has(port) && !this.#leavesFound)
        this.#heard.fire(this.#describe(present.forward, present.wanted));
    }
    // Something that began anew may be forwarded again, although the person ended it the last time.
    for (const port of before) {
      if (!listeners.some((listener) => listener.port === port)) this.#ended.delete(String(port));
    }
    // Who listens changed in any case, and so did what the rows say.
    this.#changed.fire();
    void this.update();
  }
}

/** A run is over; a machine that sleeps goes on with it. */
function hasEnded(state: EnvironmentState): boolean {
  return state === 'absent' || state === 'stopped' || state === 'unavailable';
}
