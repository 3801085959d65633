import { createHash } from 'node:crypto';

/** A workspace folder that Switchyard looks after, with the config chosen for it. */
export interface Project {
  /**
   * Unique on this computer and stable: derived from the folder's real path (two folders of the same
   * name never collide). 12 lower-case hex digits.
   */
  readonly id: string;
  /** For people: the config's `name`, else the folder's base name. */
  readonly name: string;
  /** Real absolute path of the workspace folder on the host. */
  readonly folder: string;
  /** Absolute path of the devcontainer.json in use; undefined where there is none. */
  readonly configFile: string | undefined;
  /** Absolute path of this project's own folder in the extension's storage, outside the workspace. */
  readonly storage: string;
}

/**
 * The id of the project in a folder.
 * @param realFolder absolute path with symbolic links resolved
 */
export function projectId(realFolder: string): string {
  return createHash('sha256').update(realFolder).digest('hex').slice(0, 12);
}
