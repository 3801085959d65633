import type { GuestKind } from '../../base/kinds.ts';
import type { SshEntry } from '../../ssh/config/entry.ts';

/** The parts of a window's folder address that are looked at; `vscode.Uri` has them. */
export interface FolderAddress {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly fsPath: string;
}

/** Whose folder a window shows. */
export interface Place {
  /** Absolute path of the project's folder on this computer. */
  readonly folder: string;
  /** The environment that the window itself is inside of; undefined where its folder is this computer's own. */
  readonly inside: GuestKind | undefined;
}

/**
 * @param entries the SSH hosts that were written down on this computer; nothing that a guest says counts
 * @returns undefined where the folder is neither this computer's nor the workspace of one of its environments
 */
export function placeOf(address: FolderAddress, entries: readonly SshEntry[]): Place | undefined {
  if (address.scheme === 'file') return { folder: address.fsPath, inside: undefined };
  if (address.scheme !== 'vscode-remote') return undefined;
  const found = entries.find(
    (entry) =>
      isAuthorityOf(address.authority, entry) &&
      withoutEnd(entry.workspaceFolder) === withoutEnd(address.path),
  );
  return found && { folder: found.projectFolder, inside: found.kind };
}

/** `<extension>+<host>`; the host is an alias, or JSON in hexadecimal digits. */
function isAuthorityOf(authority: string, { alias, containerName }: SshEntry): boolean {
  const plus = authority.indexOf('+');
  const by = authority.slice(0, Math.max(plus, 0));
  const host = authority.slice(plus + 1);
  if (by === 'ssh-remote') return host === alias || told(host)['hostName'] === alias;
  return (
    by === 'attached-container' &&
    containerName !== undefined &&
    told(host)['containerName'] === `/${containerName}`
  );
}

function told(host: string): Readonly<Record<string, unknown>> {
  if (!/^(?:[0-9a-f]{2})+$/i.test(host)) return {};
  try {
    const value = JSON.parse(Buffer.from(host, 'hex').toString('utf8')) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch (error) {
    // An alias that is made of such digits only.
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function withoutEnd(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
