import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import type Dockerode from 'dockerode';
import { abortable, withDeadline } from '../base/abort.ts';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/log.ts';
import { clientOptions } from './dockerClientOptions.ts';
import {
  endpointEnv,
  findDockerEndpoint,
  listDockerEndpoints,
  type DockerEndpoint,
  type EndpointSurroundings,
} from './dockerEndpoint.ts';
import { explainDockerError, expectKnownApi, statusOf } from './dockerErrors.ts';
import { SshDialFailed } from './sshDial.ts';

/** How long a call that the engine answers at once may take, in milliseconds. */
const callMs = 30_000;

export interface DockerOptions {
  /** An address instead of the one that is found, from the settings. */
  readonly endpoint?: string;
  /** The docker command line: a name on the PATH, or a path. */
  readonly program: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * The Docker engine. Which one is looked up at the first call, and again after one could not be reached,
 * so that an engine that is started or installed later is found.
 */
export class DockerEngine implements Disposable {
  readonly #options: DockerOptions;
  readonly #log: Logger;
  readonly #agents = new DisposableStore();
  #found: Promise<Found> | undefined;

  constructor(options: DockerOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /** Where the engine is. @throws SwitchyardError */
  async endpoint(): Promise<DockerEndpoint> {
    return (await this.#find()).endpoint;
  }

  /** Variables for programs that are to ask the same engine. @throws SwitchyardError */
  async env(): Promise<Readonly<Record<string, string | undefined>>> {
    return endpointEnv(await this.endpoint());
  }

  /**
   * Asks the engine for something, for at most `timeoutMs` (default 30 s; Infinity for what may rightly
   * take long). Dockerode's calls take no signal throughout, so what is given up may end by itself later:
   * give `work` its signal to calls that stream.
   * @param what the sentence that says what could not be done, for the error
   * @throws SwitchyardError `docker.*`, `timeout`
   */
  async ask<T>(
    what: string,
    work: (docker: Dockerode, signal: AbortSignal) => Promise<T>,
    options: { readonly signal: AbortSignal; readonly timeoutMs?: number },
  ): Promise<T> {
    options.signal.throwIfAborted();
    const timeoutMs = options.timeoutMs ?? callMs;
    const signal = timeoutMs === Infinity ? options.signal : withDeadline(options.signal, timeoutMs);
    const { docker, endpoint } = await this.#find();
    try {
      return await abortable(work(docker, signal), signal);
    } catch (error) {
      if (options.signal.aborted) throw options.signal.reason;
      if (isUnreachable(error)) this.#found = undefined;
      if (statusOf(error) !== undefined) await expectApi(docker, what, endpoint, error);
      throw explainDockerError(error, what, endpoint, {
        platform: process.platform,
        hasProgram: await isProgram(this.#options.program, this.#env()),
      });
    }
  }

  /**
   * The engine's events as they happen, one JSON object a line, until the signal fires.
   * @param filters as in the API: `{ type: ['container'] }`
   * @throws SwitchyardError
   */
  async events(
    what: string,
    filters: Record<string, string[]>,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream> {
    return this.ask(
      what,
      (docker) => docker.getEvents({ filters: JSON.stringify(filters), abortSignal: signal }),
      { signal },
    );
  }

  /** Ends the connections to an engine on another computer. */
  dispose(): void {
    this.#agents.dispose();
  }

  #env(): Readonly<Record<string, string | undefined>> {
    return this.#options.env ?? process.env;
  }

  async #find(): Promise<Found> {
    this.#found ??= this.#discover();
    try {
      return await this.#found;
    } catch (error) {
      this.#found = undefined;
      throw error;
    }
  }

  /** The engines that could be chosen instead. */
  async choices(): Promise<readonly DockerEndpoint[]> {
    return listDockerEndpoints(this.#around());
  }

  #around(): Omit<EndpointSurroundings, 'preferred'> {
    return { env: this.#env(), home: homedir(), platform: process.platform, exists };
  }

  async #discover(): Promise<Found> {
    const endpoint = await findDockerEndpoint({
      ...this.#around(),
      ...(this.#options.endpoint === undefined ? {} : { preferred: this.#options.endpoint }),
    });
    this.#log.info(`Docker at ${endpoint.host} (from ${endpoint.source.from})`);
    // Loaded here, so that a window without containers never pays for it.
    const { default: Client } = await import('dockerode');
    const options = await clientOptions(endpoint, this.#env());
    if (options.agent) this.#agents.add(options.agent);
    return { endpoint, docker: new Client(options) };
  }
}

/** An engine that refuses a call may only be too old for it; while it does what is asked, nobody has to ask. */
async function expectApi(
  docker: Dockerode,
  what: string,
  endpoint: DockerEndpoint,
  cause: unknown,
): Promise<void> {
  let version: string | undefined;
  try {
    version = (await abortable(docker.version(), AbortSignal.timeout(callMs))).ApiVersion;
  } catch {
    // Then the refusal itself is what is known.
    return;
  }
  expectKnownApi(version, what, endpoint, cause);
}

interface Found {
  readonly endpoint: DockerEndpoint;
  readonly docker: Dockerode;
}

function isUnreachable(error: unknown): boolean {
  return (
    error instanceof SshDialFailed || typeof (error as NodeJS.ErrnoException | null)?.syscall === 'string'
  );
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    // What may not be looked at is there: to use it will say why it cannot be used.
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}

/** True where `program` is a path of, or a name on the PATH of, something that can be run. */
export async function isProgram(
  program: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  const folders = path.isAbsolute(program) ? [''] : (env['PATH'] ?? '').split(path.delimiter);
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
  for (const folder of folders) {
    for (const ending of endings) {
      try {
        await access(path.join(folder, program + ending), constants.X_OK);
        return true;
      } catch {
        // Not this one; the next may be.
      }
    }
  }
  return false;
}
