import type http from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Disposable } from '../base/disposable.ts';
import type { DockerEndpoint } from './dockerEndpoint.ts';
import { SshAgent } from './sshDial.ts';

/** Where an HTTP client finds the engine, in the words of node:http and of dockerode alike. */
export interface DockerClientOptions {
  readonly socketPath?: string;
  readonly host: string;
  readonly port?: string;
  readonly protocol: 'http' | 'https';
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** What makes the connections, where they are no sockets. Whoever asked for the options ends it. */
  readonly agent?: http.Agent & Disposable;
}

/**
 * What is not said dockerode would take from DOCKER_HOST by itself.
 * @param env what programs get that are started for it: ssh, where the engine is on another computer
 * @throws RangeError where the endpoint is no address
 */
export async function clientOptions(
  endpoint: DockerEndpoint,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<DockerClientOptions> {
  const [, scheme = '', rest = ''] = /^(\w+):\/\/(.*)$/.exec(endpoint.host) ?? [];
  if (scheme === 'unix' || scheme === 'npipe') return { socketPath: rest, host: '', protocol: 'http' };
  if (scheme === 'ssh') {
    // VS Code gives the requests of extensions an agent of its own, for proxies, but for those to this computer.
    return { host: 'localhost', port: '80', protocol: 'http', agent: new SshAgent(endpoint.host, env) };
  }
  const url = new URL(endpoint.host.replace(/^tcp:/, 'http:'));
  const read = async (name: string): Promise<Buffer> => readFile(path.join(endpoint.tlsFolder ?? '', name));
  const tls = endpoint.tlsFolder
    ? { ca: await read('ca.pem'), cert: await read('cert.pem'), key: await read('key.pem') }
    : undefined;
  return {
    host: url.hostname,
    port: url.port || (tls ? '2376' : '2375'),
    protocol: tls || scheme === 'https' ? 'https' : 'http',
    ...tls,
  };
}
