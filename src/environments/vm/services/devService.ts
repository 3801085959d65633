import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { isBadMount, parseMount } from '../../../config/mounts.ts';
import { isObject, type ComposeModel, type ComposeObject } from '../../../engines/compose.ts';

/** What the service that a project is worked in says of its container, for a machine that is made of its image. */
export interface DevService {
  /** Missing where it is built, or of the image's own user. */
  readonly image?: string;
  readonly user?: string;
  /** "NAME=value" lines, as of an image. */
  readonly env: readonly string[];
  /** Its volumes as entries of `mounts`, without what brings the workspace. */
  readonly mounts: readonly string[];
  /** Where the workspace is inside; absolute. */
  readonly workspaceFolder: string;
  /** What of the config is left for it, and why. */
  readonly left: readonly { readonly property: string; readonly reason: string }[];
}

/**
 * @param service its entry of the model
 * @param project.folder the workspace on this computer, absolute
 * @param project.written `workspaceFolder` of devcontainer.json
 */
export function devServiceOf(
  service: ComposeObject,
  volumes: ComposeModel['volumes'],
  project: { readonly folder: string; readonly written: string | undefined },
): DevService {
  const { image, user } = service;
  const all = volumesOf(service, volumes);
  const place = workspacePlace(all, project);
  return {
    ...(typeof image === 'string' ? { image } : {}),
    ...(typeof user === 'string' || typeof user === 'number' ? { user: String(user) } : {}),
    env: environmentOf(service),
    mounts: all
      .filter(({ type, source, target }) => {
        if (type !== 'bind' || source === undefined) return true;
        // What brings the workspace, and what is around it, which is not for a machine.
        return target !== place.target && (source === project.folder || !isAround(source, project.folder));
      })
      .map(mountText),
    workspaceFolder: place.folder,
    left: elsewhere(project.written, place.folder),
  };
}

/** The root, which is the reference implementation's default, is no folder to work in. */
function elsewhere(written: string | undefined, folder: string): DevService['left'] {
  if (written === undefined || written === '/' || written === folder) return [];
  const reason = l10n.t('It is {0}, where the volumes of the service have the workspace.', folder);
  return [{ property: 'workspaceFolder', reason }];
}

/** One entry of `volumes` or `tmpfs`. */
export interface ServiceVolume {
  readonly type: string;
  readonly source?: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** As `docker run --mount` writes them. */
  readonly options: readonly string[];
}

function volumesOf(service: ComposeObject, volumes: ComposeModel['volumes']): readonly ServiceVolume[] {
  const listed = Array.isArray(service['volumes']) ? (service['volumes'] as unknown[]) : [];
  const memory = [service['tmpfs']].flat().filter((entry) => typeof entry === 'string');
  return [
    ...listed.flatMap((entry) => readVolume(entry, volumes)),
    ...memory.map((entry): ServiceVolume => {
      const [target = '', options = ''] = entry.split(':');
      const sizes = options.split(',').filter((option) => /^(?:size|mode)=/.test(option));
      const named = sizes.map((option) => `tmpfs-${option}`);
      return { type: 'tmpfs', target, readOnly: false, options: named };
    }),
  ];
}

/** In the short form, which is what Compose 1 prints, or the long one. */
export function readVolume(entry: unknown, volumes?: ComposeModel['volumes']): readonly ServiceVolume[] {
  if (typeof entry === 'string') {
    const parts = entry.split(':');
    const [first = '', second, mode = ''] = parts;
    if (second === undefined) return [{ type: 'volume', target: first, readOnly: false, options: [] }];
    const readOnly = mode.split(',').includes('ro');
    return path.isAbsolute(first)
      ? [{ type: 'bind', source: first, target: second, readOnly, options: [] }]
      : [{ type: 'volume', source: first, target: second, readOnly, options: madeBy(volumes?.[first]) }];
  }
  if (!isObject(entry)) return [];
  const { type, source, target, read_only: readOnly, tmpfs } = entry;
  if (typeof type !== 'string' || typeof target !== 'string') return [];
  const named = typeof source === 'string' ? source : undefined;
  const memory = isObject(tmpfs) ? tmpfs : {};
  const options = (['size', 'mode'] as const).flatMap((name) => {
    const value = memory[name];
    if (typeof value === 'number') return [`tmpfs-${name}=${name === 'mode' ? value.toString(8) : value}`];
    return typeof value === 'string' ? [`tmpfs-${name}=${value}`] : [];
  });
  return [
    {
      type,
      target,
      ...(named === undefined ? {} : { source: named }),
      readOnly: readOnly === true,
      options: [...options, ...(type === 'volume' && named !== undefined ? madeBy(volumes?.[named]) : [])],
    },
  ];
}

/** What only an engine can make is said, so that it can be left with its reason. */
function madeBy(volume: ComposeObject | null | undefined): readonly string[] {
  const driver = volume?.['driver'];
  const options = volume?.['driver_opts'];
  return [
    ...(typeof driver === 'string' ? [`volume-driver=${driver}`] : []),
    ...(isObject(options) && Object.keys(options).length > 0 ? ['volume-opt=type'] : []),
  ];
}

/** Fields of comma-separated values, each in quotes. */
function mountText({ type, source, target, readOnly, options }: ServiceVolume): string {
  return [
    `type=${type}`,
    ...(source === undefined ? [] : [`source=${source}`]),
    `target=${target}`,
    ...(readOnly ? ['readonly'] : []),
    ...options,
  ]
    .map((field) => `"${field.replaceAll('"', '""')}"`)
    .join(',');
}

/**
 * Where a bind shows the workspace; without one, the folder that the config names, unless something else is
 * mounted there.
 */
function workspacePlace(
  volumes: readonly ServiceVolume[],
  { folder, written }: { readonly folder: string; readonly written: string | undefined },
): { readonly folder: string; readonly target?: string } {
  const shows = volumes.filter(
    ({ type, source }) => type === 'bind' && source !== undefined && isAround(source, folder),
  );
  const places = shows.map(({ source = '', target }) => ({
    target,
    folder: path.posix.join(target, path.relative(source, folder).split(path.sep).join('/')),
  }));
  const place = places.find((one) => one.folder === written) ?? places[0];
  if (place) return place;
  const taken = volumes.some(({ target }) => written === target || written?.startsWith(`${target}/`));
  if (written !== undefined && written !== '/' && !taken) return { folder: written };
  return { folder: `/workspaces/${path.basename(folder)}` };
}

/** True where a path is the folder, or one above it. */
function isAround(outer: string, folder: string): boolean {
  const within = path.relative(outer, folder);
  return !within.startsWith('..') && !path.isAbsolute(within);
}

/** A variable without a value is one that this computer does not have either. */
function environmentOf(service: ComposeObject): readonly string[] {
  const { environment } = service;
  const lines = Array.isArray(environment)
    ? (environment as unknown[]).filter((line): line is string => typeof line === 'string')
    : Object.entries(isObject(environment) ? environment : {}).flatMap(([name, value]) =>
        typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
          ? [`${name}=${value}`]
          : [],
      );
  return lines.filter((line) => line.includes('=')).map((line) => line.replaceAll('$$', '$'));
}

/** The service's volumes with the config's own mounts over them, which win at the same place. */
export function mountsOver(own: readonly string[], mounts: readonly unknown[] = []): readonly unknown[] {
  const targetOf = (entry: unknown): string | undefined => {
    const mount = parseMount(entry);
    return isBadMount(mount) ? undefined : mount.target;
  };
  const taken = new Set(mounts.map(targetOf));
  return [...own.filter((entry) => !taken.has(targetOf(entry))), ...mounts];
}
