import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { run, RunFailed } from '../machine/run.ts';

/** Bound on each call, in milliseconds. */
const timeoutMs = 60_000;

/** Removes the containers that were made for this folder, which the specification's label tells. */
export async function removeContainers(project: string): Promise<void> {
  const label = `label=devcontainer.local_folder=${project}`;
  const ids = words(await run('docker', ['ps', '--all', '--quiet', '--filter', label], { timeoutMs }));
  if (ids.length > 0) await run('docker', ['rm', '--force', '--volumes', ...ids], { timeoutMs });
}

/**
 * Removes the machines of a session, each with its disk.
 * @param projects the extension's folder with one folder for each project, named by the project's id
 */
export async function removeMachines(projects: string): Promise<void> {
  // A session in which nothing was opened has none.
  const ids = existsSync(projects) ? await readdir(projects) : [];
  const domains = new Set(words(await virsh('list', '--all', '--name')));
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
