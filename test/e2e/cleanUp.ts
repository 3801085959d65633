import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { run, RunFailed } from '../machine/run.ts';

/** Bound on each call, in milliseconds. */
const timeoutMs = 60_000;

/** Removes the containers that were made for this folder, which the specification's label tells. */
export async function removeContainers(project: string): Promise<void> {
  const label = `label=devcontainer.local_folder=${project}`;
  const ids = words(await run('docker', ['ps', '--all', '--quiet', '--filter', label], { timeoutMs }));
  if (ids.length > 0) await run('docker', ['rm', '--force', '--volumes', ...ids], { timeoutMs });
}

/** Removes the images that were built for this folder: the reference implementation names them by it. */
export async function removeImages(project: string): Promise<void> {
  const name = `vsc-${basename(project)}-${createHash('sha256').update(project).digest('hex')}`;
  const format = '{{.Repository}}:{{.Tag}}';
  const all = words(await run('docker', ['images', '--format', format], { timeoutMs }));
  const theirs = all.filter((image) => image.startsWith(name));
  if (theirs.length > 0) await run('docker', ['rmi', '--force', ...theirs], { timeoutMs });
}

/**
 * Removes the machines of a session, each with its disk.
 * @param projects the extension's folder with one folder for each project, named by the project's id
 */
export async function removeMachines(projects: string): Promise<void> {
  // A session in which nothing was opened has none.
  const ids = existsSync(projects) ? await readdir(projects) : [];
  const domains = new Set(words(await virsh('list', '--all', '--name')));
  for (const id of ids) {
    const image = words(await run('docker', ['images', '--quiet', `switchyard-vm-${id}`], { timeoutMs }));
    if (image.length > 0) await run('docker', ['rmi', '--force', `switchyard-vm-${id}`], { timeoutMs });
  }
  for (const name of ids.map((id) => `switchyard-${id}-vm`)) {
    if (!domains.has(name)) continue;
    // It may not run; then there is nothing to end.
    await virsh('destroy', name).catch((error: unknown) => {
      if (!(error instanceof RunFailed)) throw error;
    });
    await virsh('undefine', name, '--managed-save', '--snapshots-metadata', '--remove-all-storage');
  }
}

function virsh(...args: readonly string[]): Promise<string> {
  return run('virsh', ['--connect', 'qemu:///system', ...args], { timeoutMs });
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
