import { createHash } from 'node:crypto';

/**
 * `${devcontainerId}` of a project: unique on this computer and the same after a rebuild, as the reference
 * implementation computes it from the labels that its containers carry.
 * @see https://containers.dev/implementors/spec/#devcontainerid
 * @param folder @param configFile absolute paths
 * @returns 52 digits to the base 32
 */
export function devcontainerId(folder: string, configFile: string): string {
  // The labels' names stand in alphabetical order.
  const labels = { 'devcontainer.config_file': configFile, 'devcontainer.local_folder': folder };
  const digest = createHash('sha256').update(JSON.stringify(labels)).digest('hex');
  return BigInt(`0x${digest}`).toString(32).padStart(52, '0');
}
