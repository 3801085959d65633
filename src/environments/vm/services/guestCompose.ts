import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { isObject, type ComposeModel, type ComposeObject } from '../../../engines/compose.ts';
import { readVolume } from './devService.ts';

/** The other services of a project, as the machine's own engine is to run them. */
export interface OtherServices {
  readonly names: readonly string[];
  /** Those that have the machine's own network, and so no address of their own. */
  readonly onMachine: readonly string[];
  /** Text of a compose file, in JSON. */
  readonly file: string;
  /** What of them is left, and why. */
  readonly left: readonly { readonly property: string; readonly reason: string }[];
}

/** What the compose file of the machine depends on besides the model. */
export interface ServiceSurroundings {
  /** The service that the machine is. */
  readonly service: string;
  readonly runServices: readonly string[] | undefined;
  /** The workspace on this computer, absolute. */
  readonly hostFolder: string;
  /** The workspace inside, absolute. */
  readonly guestFolder: string;
}

/**
 * The services that Compose would start along with the one that is worked in: those named, or all that no
 * profile holds back, and what they and it depend on.
 */
export function otherServices(
  model: ComposeModel,
  { service, runServices }: Pick<ServiceSurroundings, 'service' | 'runServices'>,
): readonly string[] {
  const byDefault = Object.entries(model.services)
    .filter(([, { profiles }]) => !Array.isArray(profiles) || profiles.length === 0)
    .map(([name]) => name);
  const wanted = new Set<string>([service]);
  const add = (name: string): void => {
    const found = model.services[name];
    if (!found || wanted.has(name)) return;
    wanted.add(name);
    neededBy(found).forEach(add);
  };
  neededBy(model.services[service] ?? {}).forEach(add);
  (runServices && runServices.length > 0 ? runServices : byDefault).forEach(add);
  wanted.delete(service);
  return [...wanted].sort();
}

function neededBy(service: ComposeObject): readonly string[] {
  const { depends_on: dependsOn, links, network_mode: network } = service;
  const names = Array.isArray(dependsOn) ? (dependsOn as unknown[]) : Object.keys(dependsOn ?? {});
  const linked = Array.isArray(links) ? (links as unknown[]).map((link) => String(link).split(':')[0]) : [];
  return [...names, ...linked, networkOwner(network)].filter((name) => typeof name === 'string');
}

/** The service whose network another one has: `service:NAME`. */
function networkOwner(network: unknown): string | undefined {
  return typeof network === 'string' ? /^service:(.+)$/.exec(network)?.[1] : undefined;
}

/** Undefined where the project has no other services. */
export function composeOthers(model: ComposeModel, around: ServiceSurroundings): OtherServices | undefined {
  const names = otherServices(model, around);
  if (names.length === 0) return undefined;
  const left: { property: string; reason: string }[] = [];
  // Who shares the network of the one that is worked in has the machine's.
  const shared = networkOwner(model.services[around.service]?.['network_mode']);
  const onMachine = names.filter(
    (name) => name === shared || networkOwner(model.services[name]?.['network_mode']) === around.service,
  );
  const services = Object.fromEntries(
    names.map((name) => [
      name,
      serviceFor(name, model.services[name] ?? {}, { ...around, names, onMachine, left }),
    ]),
  );
  const files = { secrets: mapFiles(model.secrets, around), configs: mapFiles(model.configs, around) };
  const given = { networks: madeHere(model.networks), volumes: madeHere(model.volumes), ...files };
  const rest = Object.entries(given).filter(([, value]) => Object.keys(value).length > 0);
  return { names, onMachine, left, file: JSON.stringify({ services, ...Object.fromEntries(rest) }) };
}

interface Making extends ServiceSurroundings {
  readonly names: readonly string[];
  readonly onMachine: readonly string[];
  readonly left: { property: string; reason: string }[];
}

/** The machine stands in for the service that it is, and what names files of this computer names them inside. */
function serviceFor(name: string, service: ComposeObject, making: Making): ComposeObject {
  const { env_file: _merged, develop: _watched, profiles: _chosen, ...rest } = service;
  const made: Record<string, unknown> = { ...rest };
  const others = (text: unknown): boolean =>
    typeof text === 'string' && making.names.includes(text.split(':')[0] ?? '');
  if (Array.isArray(made['depends_on'])) made['depends_on'] = made['depends_on'].filter(others);
  else if (isObject(made['depends_on'])) {
    made['depends_on'] = Object.fromEntries(
      Object.entries(made['depends_on']).filter(([one]) => making.names.includes(one)),
    );
  }
  if (Array.isArray(made['links'])) made['links'] = made['links'].filter(others);
  made['build'] = mapBuild(name, service['build'], making);
  made['volumes'] = mapVolumes(name, service['volumes'], making);
  const isOnMachine = making.onMachine.includes(name);
  if (isOnMachine) {
    made['network_mode'] = 'host';
    // Nothing is published, or reached through a network, by who is on the machine's own.
    for (const key of ['ports', 'networks', 'links', 'expose', 'hostname']) made[key] = undefined;
  }
  if (networkOwner(made['network_mode']) === undefined) {
    const machine = [making.service, ...making.onMachine].filter((one) => one !== name);
    made['extra_hosts'] = [
      ...hostLines(made['extra_hosts']),
      ...machine.map((one) => `${one}:${isOnMachine ? '127.0.0.1' : 'host-gateway'}`),
    ];
  }
  return Object.fromEntries(
    Object.entries(made).filter(([, value]) => value !== undefined && value !== null),
  );
}

function hostLines(hosts: unknown): readonly string[] {
  if (Array.isArray(hosts)) return hosts.map(String);
  return Object.entries(isObject(hosts) ? hosts : {}).flatMap(([name, address]) =>
    [address].flat().map((one) => `${name}:${String(one)}`),
  );
}

function mapBuild(name: string, build: unknown, making: Making): unknown {
  if (build === undefined || build === null) return undefined;
  const context = isObject(build) ? build['context'] : build;
  if (typeof context !== 'string' || !path.isAbsolute(context)) return build;
  const inside = insideOf(context, making);
  if (inside === undefined) {
    making.left.push({
      property: `services: ${name}: build`,
      reason: l10n.t('{0} is outside of the workspace, and not in the virtual machine.', context),
    });
    return build;
  }
  return isObject(build) ? { ...build, context: inside } : { context: inside };
}

function mapVolumes(name: string, volumes: unknown, making: Making): unknown {
  if (!Array.isArray(volumes)) return undefined;
  return (volumes as unknown[]).flatMap((entry) => {
    const [volume] = readVolume(entry);
    const { type, source, target, readOnly } = volume ?? {};
    // The socket of its engine is the machine's own.
    if (type !== 'bind' || source === undefined || engineSocket.test(source)) return [entry];
    const inside = insideOf(source, making);
    if (inside !== undefined) return [{ type, source: inside, target, read_only: readOnly }];
    making.left.push({
      property: `services: ${name}: ${source}`,
      reason: l10n.t('{0} is outside of the workspace, and not in the virtual machine.', source),
    });
    return [];
  });
}

const engineSocket = /^\/+(?:var\/)?run\/docker\.sock$/;

/** Where a path of this computer's workspace is inside. */
function insideOf(file: string, { hostFolder, guestFolder }: ServiceSurroundings): string | undefined {
  const within = path.relative(hostFolder, file);
  if (within.startsWith('..') || path.isAbsolute(within)) return undefined;
  return path.posix.join(guestFolder, within.split(path.sep).join('/'));
}

function mapFiles(things: ComposeModel['secrets'], around: ServiceSurroundings): ComposeObject {
  return Object.fromEntries(
    Object.entries(things ?? {}).map(([name, thing]) => {
      const { file } = thing;
      const inside = typeof file === 'string' ? insideOf(file, around) : undefined;
      return [name, inside === undefined ? thing : { ...thing, file: inside }];
    }),
  );
}

/** What is expected to be there already on this computer's engine is made on the machine's, which is new. */
function madeHere(things: ComposeModel['networks']): ComposeObject {
  return Object.fromEntries(
    Object.entries(things ?? {}).map(([name, thing]) => {
      const { external, ...rest } = thing ?? {};
      const named =
        isObject(external) && typeof external['name'] === 'string' ? { name: external['name'] } : {};
      return [name, { ...rest, ...named }];
    }),
  );
}
