import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';
import type { SwitchyardSettings } from '../config/settings.ts';

/** Which Docker engine is talked to, and how it was found. */
export interface DockerEndpoint {
  /** As the docker command line writes it: `unix:///path`, `tcp://host:port`, `npipe:////./pipe/…`. */
  readonly host: string;
  /** Where it comes from, for Check Requirements and the log. */
  readonly source:
    | { readonly from: 'DOCKER_HOST' }
    | { readonly from: 'setting' }
    | { readonly from: 'context'; readonly name: string }
    | { readonly from: 'socket' };
  /** Folder with ca.pem, cert.pem and key.pem, for `tcp://` over TLS. */
  readonly tlsFolder: string | undefined;
}

/** What discovery looks at; a test gives its own. */
export interface EndpointSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** True where a socket (or pipe) of that path is there, whether or not somebody answers. */
  exists(path: string): Promise<boolean>;
  /** From the settings, before everything else: an address, or the name of a context. */
  readonly preferred?: string;
}

/**
 * Finds the engine as the docker command line does (DOCKER_HOST, DOCKER_CONTEXT, the current context of
 * config.json, the default socket), and where the default socket is not there, at the places where
 * rootless Docker, Docker Desktop, Colima, Rancher Desktop and Podman put theirs.
 * @see https://docs.docker.com/engine/manage-resources/contexts/
 * @throws SwitchyardError `docker.failed` where a context is named that is not there
 */
export async function findDockerEndpoint(around: EndpointSurroundings): Promise<DockerEndpoint> {
  const { env, preferred } = around;
  const folder = configFolder(around);
  if (preferred?.includes('://')) {
    return { host: preferred, source: { from: 'setting' }, tlsFolder: tlsOf(env) };
  }
  const named = preferred ? undefined : env['DOCKER_HOST'];
  if (named) return { host: withScheme(named), source: { from: 'DOCKER_HOST' }, tlsFolder: tlsOf(env) };
  const asked = [preferred, env['DOCKER_CONTEXT']].find((name) => name !== undefined && name !== '');
  const context = asked ?? (await currentContext(folder));
  if (context && context !== 'default') return contextEndpoint(folder, context, around);
  const candidates = socketsOf(around);
  for (const socket of candidates) {
    if (await around.exists(socket)) return atSocket(socket);
  }
  return atSocket(candidates[0] ?? '/var/run/docker.sock');
}

/** Every engine that could be chosen: the contexts of the docker command line, and the sockets that are there. */
export async function listDockerEndpoints(
  around: Omit<EndpointSurroundings, 'preferred'>,
): Promise<readonly DockerEndpoint[]> {
  const folder = configFolder(around);
  const names = (await contextNames(folder)).sort((one, other) => one.localeCompare(other));
  const contexts = await Promise.all(names.map(async (name) => contextEndpoint(folder, name, around)));
  const sockets = socketsOf(around);
  const present = await Promise.all(sockets.map(async (socket) => around.exists(socket)));
  const known = new Set(contexts.map(({ host }) => host));
  const others = sockets.filter((_, at) => present[at]).map(atSocket);
  return [...contexts, ...others.filter(({ host }) => !known.has(host))];
}

async function contextNames(folder: string): Promise<string[]> {
  const metas = path.join(folder, 'contexts', 'meta');
  let ids: string[];
  try {
    ids = await readdir(metas);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const found = await Promise.all(
    ids.map(async (id) => {
      const meta = (await readJson(path.join(metas, id, 'meta.json'))) as
        { Name?: unknown; Endpoints?: { docker?: { Host?: unknown } } } | undefined;
      // A context may be of something else than Docker.
      return typeof meta?.Name === 'string' && meta.Endpoints?.docker?.Host ? meta.Name : undefined;
    }),
  );
  return found.filter((name) => name !== undefined);
}

/** True where the engine is on another computer, which sees no folder of this one. */
export function isElsewhere({ host }: Pick<DockerEndpoint, 'host'>): boolean {
  if (host.startsWith('ssh:')) return true;
  if (!host.startsWith('tcp:')) return false;
  const { hostname } = new URL(host.replace(/^tcp:/, 'http:'));
  return !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
}

/** The settings as they hold for an engine: one on another computer has no folder of this one to mount. */
export function settingsFor(endpoint: DockerEndpoint, settings: SwitchyardSettings): SwitchyardSettings {
  if (!isElsewhere(endpoint)) return settings;
  return { ...settings, container: { ...settings.container, workspace: 'ssh' } };
}

/** Where engines put their sockets, the default first. */
export function socketsOf({
  env,
  home,
  platform,
}: Pick<EndpointSurroundings, 'env' | 'home' | 'platform'>): readonly string[] {
  if (platform === 'win32') return ['//./pipe/docker_engine', '//./pipe/dockerDesktopLinuxEngine'];
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    '/var/run/docker.sock',
    ...(runtime ? [`${runtime}/docker.sock`] : []),
    `${home}/.docker/run/docker.sock`,
    `${home}/.docker/desktop/docker.sock`,
    `${home}/.colima/default/docker.sock`,
    `${home}/.rd/docker.sock`,
    ...(runtime ? [`${runtime}/podman/podman.sock`] : []),
    ...(platform === 'linux' ? ['/run/podman/podman.sock'] : []),
  ];
}

/** The variables that make the docker command line (and the CLI that calls it) ask this very engine. */
export function endpointEnv(endpoint: DockerEndpoint): Readonly<Record<string, string | undefined>> {
  return {
    DOCKER_HOST: endpoint.host,
    DOCKER_CONTEXT: undefined,
    ...(endpoint.tlsFolder === undefined
      ? { DOCKER_TLS_VERIFY: undefined, DOCKER_CERT_PATH: undefined }
      : { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: endpoint.tlsFolder }),
  };
}

function atSocket(socket: string): DockerEndpoint {
  const scheme = socket.startsWith('//./') ? 'npipe://' : 'unix://';
  return { host: `${scheme}${socket}`, source: { from: 'socket' }, tlsFolder: undefined };
}

function withScheme(host: string): string {
  return host.includes('://') ? host : `tcp://${host}`;
}

function configFolder({ env, home }: Pick<EndpointSurroundings, 'env' | 'home'>): string {
  return env['DOCKER_CONFIG'] ?? path.join(home, '.docker');
}

function tlsOf(env: EndpointSurroundings['env']): string | undefined {
  return env['DOCKER_TLS_VERIFY'] ? env['DOCKER_CERT_PATH'] : undefined;
}

async function currentContext(folder: string): Promise<string | undefined> {
  const config = await readJson(path.join(folder, 'config.json'));
  const name = (config as { currentContext?: unknown } | undefined)?.currentContext;
  return typeof name === 'string' ? name : undefined;
}

async function contextEndpoint(
  folder: string,
  name: string,
  around: EndpointSurroundings,
): Promise<DockerEndpoint> {
  const id = createHash('sha256').update(name).digest('hex');
  const meta = (await readJson(path.join(folder, 'contexts', 'meta', id, 'meta.json'))) as
    { Endpoints?: { docker?: { Host?: unknown } } } | undefined;
  const host = meta?.Endpoints?.docker?.Host;
  if (typeof host !== 'string' || host === '') {
    throw new SwitchyardError({
      code: 'docker.failed',
      what: l10n.t('The Docker context "{0}" was not found.', name),
      why:
        around.preferred === name
          ? l10n.t('The setting switchyard.docker.host names it.')
          : around.env['DOCKER_CONTEXT']
            ? l10n.t('DOCKER_CONTEXT names it.')
            : l10n.t('The Docker configuration in {0} names it.', folder),
      next: l10n.t('Choose another one with "docker context use".'),
      remedies: [{ do: 'checkRequirements' }, { do: 'retry' }],
    });
  }
  const tls = path.join(folder, 'contexts', 'tls', id, 'docker');
  return {
    host,
    source: { from: 'context', name },
    tlsFolder: host.startsWith('tcp:') && (await around.exists(path.join(tls, 'ca.pem'))) ? tls : undefined,
  };
}

/** Undefined where there is no such file, or it is not JSON: the docker command line does without, too. */
async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
