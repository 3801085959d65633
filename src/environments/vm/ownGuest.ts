import { randomUUID } from 'node:crypto';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';
import type { MergedConfiguration } from '../../engines/devcontainerCli.ts';
import { parseEnviron } from '../userEnv.ts';
import { substituteContainerEnv } from './guestSetup.ts';
import { isMount, isOverwritten, placeInside, type SyncedFolder } from './syncedFolders.ts';

/** What is found and decided in a machine that is not made of the project's image. */
export interface OwnGuest {
  readonly workspaceFolder: string;
  /** Whether the workspace is there by a mount of the Vagrantfile's own: then nothing is synced. */
  readonly mounted: boolean;
  /** containerEnv and remoteEnv; all else a program has is the machine's own. */
  readonly env: Readonly<Record<string, string>>;
}

const newFolder = '[ -d "$1" ] || { mkdir -p -- "$1" && chown -- "$2:" "$1"; }';

/**
 * Where the workspace is in the machine: where the config says, else where the Vagrantfile mounts it, else
 * `/workspaces/<name>`. What Vagrant itself only copies is no place for it: its next `up` would write over it.
 */
export function workspaceIn(
  configured: string | undefined,
  project: { readonly folder: string },
  synced: readonly SyncedFolder[],
): { readonly folder: string; readonly declared: boolean } {
  const inside = placeInside(synced, project.folder);
  if (configured !== undefined) {
    return { folder: configured, declared: inside?.mounted === true && inside.folder === configured };
  }
  if (inside?.mounted) return { folder: inside.folder, declared: true };
  return { folder: `/workspaces/${path.basename(project.folder)}`, declared: false };
}

/**
 * Finds out about a machine that runs, and makes the workspace's folder where it is not there.
 * @param connection as the user that works in it
 * @throws SwitchyardError
 */
export async function prepareOwnGuest(
  connection: Connection,
  input: {
    readonly merged: MergedConfiguration;
    readonly project: { readonly folder: string };
    readonly user: string;
    readonly synced: readonly SyncedFolder[];
    /** What the config says: `mount` insists on a mount. */
    readonly workspace: 'mount' | 'ssh';
  },
  signal: AbortSignal,
): Promise<OwnGuest> {
  const { merged, synced } = input;
  const { folder, declared } = workspaceIn(merged.workspaceFolder, input.project, synced);
  const mark = randomUUID();
  const script = `printf %s ${mark}; cat /proc/self/environ; printf %s ${mark}; cat /proc/mounts`;
  const found = await run(connection, { argv: ['/bin/sh', '-c', script], cwd: '/' }, signal);
  const printed = found.stdout.toString('utf8');
  const mounted = isMount(printed.split(mark)[2] ?? '', folder, declared);
  if (input.workspace === 'mount' && !mounted) {
    throw new SwitchyardError({
      code: 'config.unsupported',
      what: l10n.t('The workspace cannot be mounted.'),
      why: l10n.t('In the machine there is no mount of this computer at {0}.', folder),
      next: l10n.t(
        'Let the Vagrantfile mount it there (config.vm.synced_folder), or set "workspace" to "ssh".',
      ),
    });
  }
  if (!mounted && isOverwritten(synced, folder)) {
    throw new SwitchyardError({
      code: 'config.unsupported',
      what: l10n.t('The workspace cannot be kept the same at {0}.', folder),
      why: l10n.t('Vagrant copies a folder there at each start, and would write over changes made inside.'),
      next: l10n.t('Choose another "workspaceFolder", or disable that synced folder in the Vagrantfile.'),
    });
  }
  if (!mounted) await makeFolder(connection, folder, input.user, signal);
  return { workspaceFolder: folder, mounted, env: ownEnvironment(merged, parseEnviron(printed, mark)) };
}

/** containerEnv and remoteEnv. @param own what programs in the machine have without them */
export function ownEnvironment(
  merged: MergedConfiguration,
  own: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const container = { ...own, ...merged.containerEnv };
  const env: Record<string, string> = { ...merged.containerEnv };
  for (const [name, value] of Object.entries(merged.remoteEnv ?? {})) {
    // null takes a variable away that containerEnv gave.
    if (value === null) Reflect.deleteProperty(env, name);
    else env[name] = substituteContainerEnv(value, container);
  }
  return env;
}

async function makeFolder(
  connection: Connection,
  folder: string,
  user: string,
  signal: AbortSignal,
): Promise<void> {
  const argv = ['/bin/sh', '-c', newFolder, 'sh', folder, user];
  const made = await run(connection, { argv, user: 'root', cwd: '/' }, signal);
  const writable = await run(connection, { argv: ['test', '-w', folder], cwd: '/' }, signal);
  if (writable.code === 0) return;
  throw new SwitchyardError({
    code: 'vagrant.failed',
    what: l10n.t('The workspace’s folder {0} cannot be made in the machine.', folder),
    why: made.stderr.toString('utf8').trim() || l10n.t('{0} may not write there.', user),
    next: l10n.t('Name another one as "workspaceFolder", such as one in the home of {0}.', user),
  });
}
