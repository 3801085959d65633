import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { DockerEndpoint } from './dockerEndpoint.ts';

/** Where an HTTP client finds the engine, in the words of node:http and of dockerode alike. */
export interface DockerClientOptions {
  readonly socketPath?: string;
  readonly host: string;
  readonly port?: string;
  readonly protocol: 'http' | 'https';
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** What is not said dockerode would take from DOCKER_HOST by itself. */
export async function clientOptions(endpoint: DockerEndpoint): Promise<DockerClientOptions> {
  const [, scheme = '', rest = ''] = /^(\w+):\/\/(.*)$/.exec(endpoint.host) ?? [];
  if (scheme === 'unix' || scheme === 'npipe') return { socketPath: rest, host: '', protocol: 'http' };
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
