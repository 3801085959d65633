import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { clientOptions, type DockerClientOptions } from '../../engines/dockerClientOptions.ts';

/** How long a call that the engine answers at once may take, in milliseconds. */
const callMs = 30_000;

/** An answer of the engine that is not what was asked for. */
export class DockerRefusal extends Error {
  override readonly name = 'DockerRefusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ExecRequest {
  readonly argv: readonly string[];
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The few calls of the engine's API that a proxy makes, over node:http: loading dockerode takes longer than
 * the whole rest of a connection.
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/
 */
export class DockerApi {
  readonly #options: DockerClientOptions;

  private constructor(options: DockerClientOptions) {
    this.#options = options;
  }

  static async open(host: string, tlsFolder: string | undefined): Promise<DockerApi> {
    return new DockerApi(await clientOptions({ host, tlsFolder, source: { from: 'setting' } }));
  }

  /** Starts a program; answers its streams, framed as Docker frames them. @throws DockerRefusal */
  async exec(containerId: string, { argv, user, env }: ExecRequest): Promise<{ id: string; stream: Duplex }> {
    const { Id: id } = await this.#call<{ Id: string }>('POST', `/containers/${containerId}/exec`, {
      Cmd: argv,
      User: user,
      WorkingDir: '/',
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    return { id, stream: await this.#hijack(`/exec/${id}/start`, { Detach: false, Tty: false }) };
  }

  /** Undefined while it runs. */
  async exitCode(execId: string): Promise<number | undefined> {
    const exec = await this.#call<{ Running: boolean; ExitCode: number | null }>(
      'GET',
      `/exec/${execId}/json`,
    );
    return exec.Running ? undefined : (exec.ExitCode ?? undefined);
  }

  /** The container's state as the API names it, such as `running`; undefined where there is none. */
  async stateOf(containerId: string): Promise<string | undefined> {
    try {
      return (await this.#call<{ State: { Status: string } }>('GET', `/containers/${containerId}/json`)).State
        .Status;
    } catch (error) {
      if (error instanceof DockerRefusal && error.status === 404) return undefined;
      throw error;
    }
  }

  /** The newest container with all these labels. */
  async find(labels: readonly string[]): Promise<string | undefined> {
    const filters = encodeURIComponent(JSON.stringify({ label: labels }));
    const found = await this.#call<{ Id: string; Created: number }[]>(
      'GET',
      `/containers/json?all=1&filters=${filters}`,
    );
    return found.sort((one, other) => other.Created - one.Created)[0]?.Id;
  }

  async start(containerId: string): Promise<void> {
    await this.#call('POST', `/containers/${containerId}/start`);
  }

  async unpause(containerId: string): Promise<void> {
    await this.#call('POST', `/containers/${containerId}/unpause`);
  }

  #request(method: string, path: string, body: string | undefined, upgrade: boolean): http.ClientRequest {
    const { socketPath, protocol, agent = false, ...rest } = this.#options;
    const options: https.RequestOptions = {
      ...(socketPath === undefined ? rest : { socketPath }),
      method,
      path,
      agent,
      headers: {
        Host: 'docker',
        ...(body === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
        ...(upgrade ? { Connection: 'Upgrade', Upgrade: 'tcp' } : {}),
      },
    };
    const request = protocol === 'https' ? https.request(options) : http.request(options);
    request.end(body);
    return request;
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise<T>((resolve, reject) => {
      const request = this.#request(method, path, text, false);
      request.setTimeout(callMs, () => request.destroy(new Error('Docker did not answer in time.')));
      request.once('error', reject);
      request.once('response', (response) => {
        collect(response)
          .then((answer) => {
            const status = response.statusCode ?? 0;
            // 304: it is so already.
            if (status >= 400) reject(refusal(status, answer));
            else resolve((answer === '' ? undefined : JSON.parse(answer)) as T);
          })
          .catch(reject);
      });
    });
  }

  async #hijack(path: string, body: object): Promise<Duplex> {
    return new Promise<Duplex>((resolve, reject) => {
      const request = this.#request('POST', path, JSON.stringify(body), true);
      request.setTimeout(callMs, () => request.destroy(new Error('Docker did not answer in time.')));
      request.once('error', reject);
      request.once('upgrade', (_response, socket, first) => {
        socket.setTimeout(0);
        if (first.length > 0) socket.unshift(first);
        resolve(socket);
      });
      request.once('response', (response) => {
        collect(response)
          .then((answer) => reject(refusal(response.statusCode ?? 0, answer)))
          .catch(reject);
      });
    });
  }
}

async function collect(response: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function refusal(status: number, answer: string): DockerRefusal {
  try {
    const { message } = JSON.parse(answer) as { message?: unknown };
    if (typeof message === 'string') return new DockerRefusal(status, message);
  } catch {
    // Not the engine's own words, then.
  }
  return new DockerRefusal(status, answer.trim() || `HTTP ${status}`);
}
