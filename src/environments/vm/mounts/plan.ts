import { createHash } from 'node:crypto';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { isBadMount, parseMount, type Mount } from '../../../config/mounts.ts';
import type { MergedConfiguration } from '../../../engines/devcontainerCli.ts';

interface Place {
  /** Absolute, inside. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** What a machine makes of an entry of `mounts`. */
export type GuestMount = Place &
  (
    | {
        /** A disk of its own. */
        readonly how: 'disk';
        readonly name: string;
        /** By which the machine knows the disk. */
        readonly serial: string;
      }
    | {
        /** A folder of the machine's own disk: for a volume without a name, which lives as long as it. */
        readonly how: 'folder';
      }
    | {
        /** A folder of the workspace, which is inside already. */
        readonly how: 'workspace';
        /** Absolute, inside. */
        readonly from: string;
      }
    | {
        /** A file or folder of this computer, brought in at each start. */
        readonly how: 'copy';
        /** Absolute, on this computer. */
        readonly source: string;
        /** Under which its copy is kept inside. */
        readonly key: string;
      }
    | {
        readonly how: 'tmpfs';
        /** As mount(8) takes them. */
        readonly options: string;
      }
  );

export interface MountPlan {
  /** What is nearer to the root comes first, so that one within another is not hidden by it. */
  readonly mounts: readonly GuestMount[];
  readonly ignored: readonly { readonly property: string; readonly reason: string }[];
}

/** How the engine's socket is named by whoever wants it inside. */
const engineSocket = /^\/*(?:var\/)?run\/(?:user\/\d+\/)?(?:docker|podman\/podman)\.sock$/;

/** What may be the name of a volume. */
const volumeName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** What the plan depends on besides the entries. */
export interface MountSurroundings {
  /** The workspace on this computer, absolute. */
  readonly hostFolder: string;
  /** The workspace inside, absolute. */
  readonly guestFolder: string;
  /** Whether there is a file, and no folder, at an absolute path of this computer. */
  readonly isFile: (file: string) => boolean;
}

export function planMounts(
  merged: Pick<MergedConfiguration, 'mounts'>,
  around: MountSurroundings,
): MountPlan {
  const mounts: GuestMount[] = [];
  const ignored: { property: string; reason: string }[] = [];
  // The reference implementation hands on whatever is written.
  const entries: unknown = merged.mounts ?? [];
  if (!Array.isArray(entries)) ignored.push({ property: 'mounts', reason: l10n.t('It is no list.') });
  for (const value of (Array.isArray(entries) ? entries : []) as unknown[]) {
    const mount = parseMount(value);
    const leave = (reason: string): void => {
      const what = isBadMount(mount) ? mount.text : mount.target;
      ignored.push({ property: `mounts: ${what}`, reason });
    };
    if (isBadMount(mount)) {
      leave(mount.reason);
      continue;
    }
    const planned = plan(mount, around);
    if (typeof planned === 'string') leave(planned);
    else mounts.push(planned);
  }
  const depth = ({ target }: Place): number => (target === '/' ? 0 : target.split('/').length);
  return { mounts: mounts.sort((one, other) => depth(one) - depth(other)), ignored };
}

/** @returns why not, where it is a text */
function plan(
  { type, source, target, readOnly, options }: Mount,
  { hostFolder, guestFolder, isFile }: MountSurroundings,
): GuestMount | string {
  const place: Place = { target, readOnly };
  if (target === '/') return l10n.t('It would hide the whole machine.');
  switch (type) {
    case 'volume':
      if ((options['volume-driver'] ?? 'local') !== 'local' || options['volume-opt'] !== undefined)
        return l10n.t('A volume of a driver, or with its options, is made by the container engine.');
      if (source === undefined) return { ...place, how: 'folder' };
      if (!volumeName.test(source)) return l10n.t('"{0}" is no name of a volume.', source);
      return { ...place, how: 'disk', name: source, serial: short(source) };
    case 'tmpfs':
      return { ...place, how: 'tmpfs', options: tmpfsOptions(options) };
    case 'bind': {
      if (source === undefined || !path.isAbsolute(source))
        return l10n.t('Its source is not an absolute path.');
      if (engineSocket.test(source))
        return l10n.t(
          'The engine of this computer is not for a virtual machine, which can run one of its own.',
        );
      const within = path.relative(hostFolder, source);
      // A file of the workspace is replaced by each change that the sync brings; a mount would keep the old one.
      if (!within.startsWith('..') && !path.isAbsolute(within) && !isFile(source))
        return { ...place, how: 'workspace', from: path.posix.join(guestFolder, within) };
      return { ...place, how: 'copy', source: path.normalize(source), key: short(target) };
    }
    default:
      return l10n.t('Mounts of the type "{0}" are made by the container engine.', type);
  }
}

/** 20 bytes are what a virtio disk can be told of itself. */
function short(text: string): string {
  return `sw-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

const units = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** The engine's defaults where nothing is said. */
function tmpfsOptions(options: Mount['options']): string {
  const mode = options['tmpfs-mode'] ?? '';
  const size = /^(\d+)([kmgt]?)(?:i?b)?$/i.exec(options['tmpfs-size'] ?? '');
  const unit = size?.[2]?.toLowerCase() as keyof typeof units | '' | undefined;
  return [
    'nosuid,nodev,noexec',
    `mode=${/^[0-7]{3,4}$/.test(mode) ? mode : '1777'}`,
    ...(size ? [`size=${Number(size[1]) * (unit ? units[unit] : 1)}`] : []),
  ].join(',');
}

/**
 * What is mounted within the workspace belongs to the machine alone, as it does in a container: the sync
 * leaves it. As lines of a .gitignore.
 */
export function unsyncedPlaces(plan_: MountPlan, guestFolder: string): readonly string[] {
  return plan_.mounts.flatMap(({ target }) => {
    const within = path.posix.relative(guestFolder, target);
    if (within === '' || within.startsWith('..')) return [];
    return [`/${within.replaceAll(/[\\*?[\]!# ]/g, '\\$&')}`];
  });
}
