import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** A folder of this computer that a Vagrantfile brings into its machine. */
export interface SyncedFolder {
  /** `rsync`, `nfs`, `9p`, `virtiofs`, …; empty for a provider's own. */
  readonly type: string;
  /** Absolute path on this computer. */
  readonly host: string;
  /** Absolute path in the machine. */
  readonly guest: string;
}

/** File systems that show another computer's files. */
const shared = new Set([
  ...['nfs', 'nfs4', '9p', 'virtiofs', 'vboxsf', 'cifs', 'smb3', 'smbfs'],
  ...['prl_fs', 'fuse.sshfs', 'fuse.vmhgfs-fuse', 'vmhgfs', 'fuse.prl_fsd'],
]);

/** Copies that Vagrant makes at each `up`; all other types are mounts. */
const copies = new Set(['rsync', 'smb_copy']);

/**
 * What Vagrant keeps of the folders that it brought in at the last `up`: an object of types, each of folders.
 * @param file `synced_folders` beside the machine's id
 */
export async function readSyncedFolders(file: string): Promise<readonly SyncedFolder[]> {
  try {
    return parseSyncedFolders(await readFile(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function parseSyncedFolders(text: string): readonly SyncedFolder[] {
  let types: unknown;
  try {
    types = JSON.parse(text);
  } catch {
    // Vagrant writes it anew at each `up`; half a file says nothing.
    return [];
  }
  return entries(types).flatMap(([type, folders]) =>
    entries(folders).flatMap(([, folder]) => {
      const { hostpath, guestpath, disabled } = Object(folder) as Record<string, unknown>;
      if (disabled === true || typeof hostpath !== 'string' || typeof guestpath !== 'string') return [];
      return [{ type, host: path.resolve(hostpath), guest: path.posix.resolve('/', guestpath) }];
    }),
  );
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

/** Where a synced folder has a folder of this computer inside, and whether both sides see the same files there. */
export function placeInside(
  folders: readonly SyncedFolder[],
  hostFolder: string,
): { readonly folder: string; readonly mounted: boolean } | undefined {
  const [best] = folders
    .filter(({ host }) => isWithin(host, hostFolder))
    .toSorted((one, other) => other.host.length - one.host.length);
  if (!best) return undefined;
  const inside = path.relative(best.host, hostFolder).split(path.sep).join('/');
  return { folder: path.posix.join(best.guest, inside), mounted: !copies.has(best.type) };
}

/** True where a folder of the machine lies in a synced folder that is a copy: the next `up` writes over it. */
export function isOverwritten(folders: readonly SyncedFolder[], guestFolder: string): boolean {
  return folders.some(
    ({ type, guest }) => copies.has(type) && (guestFolder === guest || guestFolder.startsWith(`${guest}/`)),
  );
}

/**
 * True where a folder of a machine lies on a file system that another computer shares with it.
 * @param mounts the machine's /proc/mounts; see proc_pid_mounts(5)
 * @param declared whether Vagrant says that it mounted this folder: then any mount there is the one
 */
export function isMount(mounts: string, folder: string, declared: boolean): boolean {
  let longest = '';
  let type = '';
  for (const line of mounts.split('\n')) {
    const [, at, fileSystem] = line.split(' ');
    if (at === undefined || fileSystem === undefined) continue;
    const place = at.replaceAll(/\\([0-7]{3})/g, (_all, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    const covers = place === '/' || folder === place || folder.startsWith(`${place}/`);
    // Of two mounts in one place the later one is seen.
    if (covers && place.length >= longest.length) [longest, type] = [place, fileSystem];
  }
  return shared.has(type) || (declared && longest !== '' && longest !== '/');
}

function isWithin(folder: string, inner: string): boolean {
  const relative = path.relative(folder, inner);
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}
