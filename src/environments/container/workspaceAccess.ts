import { stat } from 'node:fs/promises';
import * as l10n from '@vscode/l10n';
import type { Logger } from '../../base/log.ts';
import { CommandFailed, type Command, type Runner } from '../../base/process.ts';
import type { Progress } from '../../base/progress.ts';
import { runInContainer } from '../../connections/dockerRun.ts';
import { isProgram, type DockerEngine } from '../../engines/docker.ts';
import { readContainerFile } from './files.ts';

/** How long a very large workspace may take, in milliseconds. */
const treeMs = 10 * 60_000;

export interface AccessRequest {
  readonly containerId: string;
  readonly remoteUser: string;
  /** Absolute path inside. */
  readonly workspaceFolder: string;
  /** Absolute path on the host. */
  readonly hostFolder: string;
  /** What was done at the creation; undefined while it is made. */
  readonly before: WorkspaceAccess | undefined;
}

/** Numbers of the remote user, as text, inside and (without a user namespace) outside. */
export interface UserIds {
  readonly uid: string;
  readonly gid: string;
}

/** How the remote user was let into the workspace. */
export type WorkspaceAccess =
  | { readonly how: 'own' }
  /** Records of the first version name no ids. */
  | { readonly how: 'acl'; readonly ids?: UserIds }
  | { readonly how: 'group'; readonly gid: string };

const own: WorkspaceAccess = { how: 'own' };

/**
 * Lets the remote user write a bind-mounted workspace that belongs to the host's root.
 *
 * Where the host user is not root the Dev Containers CLI gives the remote user the host user's UID, and
 * all is well. It does not where the host user is root, because that would make the remote user root. To
 * hand the files over (chown) would make Git on the host refuse the folder ("dubious ownership"), and to
 * open them for everybody (chmod o+w) is no way either. So the owner stays, and one more user is let in:
 * - by an access control list, where `setfacl` is at hand on the host or in the container. With its
 *   default entries it also holds for what either side makes later, unless with a mode that keeps the group
 *   from writing: that is let in at the next start;
 * - else by the group of the remote user: group and group permissions of what is there now, with setgid
 *   folders. What the host makes later is let in at the next start.
 * Files that their owner keeps for himself (no permission for group and others, such as SSH keys) stay
 * so, unless the whole folder is.
 */
export async function grantAccess(
  request: AccessRequest,
  parts: {
    readonly engine: DockerEngine;
    readonly runner: Runner;
    readonly log: Logger;
    readonly progress: Progress;
  },
  signal: AbortSignal,
): Promise<WorkspaceAccess> {
  const { log, progress } = parts;
  if (process.getuid?.() !== 0 || request.remoteUser === 'root' || request.remoteUser === '0') return own;
  const host = await stat(request.hostFolder);
  const isPrivate = (host.mode & 0o077) === 0;
  const { before } = request;
  if (before?.how === 'own') return before;
  // With an access control list the group's part of the mode is its mask: without it the list is gone.
  const known = before?.how === 'acl' && (host.mode & 0o020) !== 0;
  if (before?.how === 'group') {
    await find(parts.runner, request.hostFolder, groupArgs(before.gid, isPrivate), log, signal);
    return before;
  }
  const ids = (known ? before.ids : undefined) ?? (await identify(parts.engine, request, signal));
  if (!ids || ids.uid === '0' || ids.uid === String(host.uid)) return own;
  if (!known) progress.step(l10n.t('Letting {0} write the workspace', request.remoteUser));
  // What was made since with a mode of its own (0644) has a mask that keeps the list from counting.
  const acl = setfaclArgs(ids.uid, isPrivate, known);
  if (
    ((await isProgram('setfacl', process.env)) &&
      (await find(parts.runner, request.hostFolder, acl, log, signal))) ||
    (await findInside(parts.engine, request, acl, log, signal))
  ) {
    if (!known) explain(progress, log, request, 'acl');
    return { how: 'acl', ids };
  }
  const { gid } = ids;
  await find(parts.runner, request.hostFolder, groupArgs(gid, isPrivate), log, signal);
  explain(progress, log, request, 'group');
  return { how: 'group', gid };
}

/** Where the remote user is not known in the container, programs will not run as that user either. */
async function identify(
  engine: DockerEngine,
  { containerId, remoteUser }: AccessRequest,
  signal: AbortSignal,
): Promise<UserIds | undefined> {
  const passwd = await readContainerFile(engine, containerId, '/etc/passwd', signal);
  const listed = passwd === undefined ? undefined : idsOf(passwd, remoteUser);
  if (listed) return listed;
  // A user of another database, or a number.
  const argv = ['/bin/sh', '-c', 'id -u; id -g'];
  const { code, stdout } = await runInContainer(engine, containerId, { argv, user: remoteUser }, signal);
  const [uid, gid] = stdout.toString().split('\n');
  return code === 0 && uid && gid ? { uid, gid } : undefined;
}

/** What a user database in the format of passwd(5) says of a name. */
export function idsOf(passwd: string, name: string): UserIds | undefined {
  for (const line of passwd.split('\n')) {
    const [user, , uid, gid] = line.split(':');
    if (user === name && uid && gid) return { uid, gid };
  }
  return undefined;
}

async function findInside(
  engine: DockerEngine,
  { containerId, workspaceFolder }: AccessRequest,
  args: readonly string[],
  log: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  const request = { argv: ['find', workspaceFolder, ...args], user: '0', timeoutMs: treeMs };
  const { code, stderr } = await runInContainer(engine, containerId, request, signal);
  if (code !== 0) log.debug(`No access control list from inside: ${stderr.toString().trim()}`);
  return code === 0;
}

/**
 * The expression of find that gives `uid` an access control list entry on everything.
 * @param onlyNew only on what the entries that are there do not hold for
 */
export function setfaclArgs(uid: string, isPrivate: boolean, onlyNew: boolean): readonly string[] {
  const masked = onlyNew ? ['!', '-perm', '-020'] : [];
  return [
    '-xdev',
    ...[
      '(',
      '-type',
      'd',
      ...masked,
      '-exec',
      'setfacl',
      '-m',
      `u:${uid}:rwX,d:u:${uid}:rwX`,
      '{}',
      '+',
      ')',
    ],
    '-o',
    ...[
      '(',
      '-type',
      'f',
      ...shared(isPrivate),
      ...masked,
      '-exec',
      'setfacl',
      '-m',
      `u:${uid}:rwX`,
      '{}',
      '+',
      ')',
    ],
  ];
}

/** The expression of find that lets the group `gid` write everything. */
export function groupArgs(gid: string, isPrivate: boolean): readonly string[] {
  return [
    '-xdev',
    ...['(', '-type', 'd', '-exec', 'chgrp', gid, '{}', '+', '-exec', 'chmod', 'g+rwxs', '{}', '+', ')'],
    '-o',
    ...['(', '-type', 'f', ...shared(isPrivate)],
    ...['-exec', 'chgrp', gid, '{}', '+', '-exec', 'chmod', 'g+rwX', '{}', '+', ')'],
  ];
}

function shared(isPrivate: boolean): readonly string[] {
  return isPrivate ? [] : ['-perm', '/077'];
}

/** False where it could not do all of it. */
async function find(
  runner: Runner,
  folder: string,
  args: readonly string[],
  log: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  const command: Command<undefined> = {
    program: 'find',
    args: [folder, ...args],
    timeoutMs: treeMs,
    parse: () => undefined,
  };
  try {
    await runner.run(command, { signal });
    return true;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    log.debug(`The workspace's permissions on the host: ${error.message}`);
    return false;
  }
}

function explain(progress: Progress, log: Logger, request: AccessRequest, how: 'acl' | 'group'): void {
  const message =
    how === 'acl'
      ? l10n.t(
          'The workspace belongs to root. An access control list lets {0} of the container write it; owner and modes stay.',
          request.remoteUser,
        )
      : l10n.t(
          'The workspace belongs to root. Its group now is that of {0} of the container, and may write; the owner stays. Install the package "acl" to leave the group alone.',
          request.remoteUser,
        );
  progress.line(message);
  log.info(message);
}
