import { findProgram } from './programs.ts';
import { run } from './run.ts';
import { asRoot } from './root.ts';

export interface AptOptions {
  readonly log: string;
  readonly onLine: (line: string) => void;
}

/** The command that a person would type for the same. */
export function aptCommand(packages: readonly string[]): string {
  return `apt-get install ${packages.filter((name) => !name.endsWith('?')).join(' ')}`;
}

/**
 * Installs Debian packages. A name that ends in `?` is left out where this release does not have it.
 * @throws RunFailed with what apt-get printed
 */
export async function aptInstall(packages: readonly string[], options: AptOptions): Promise<void> {
  if ((await findProgram('apt-get')) === undefined) {
    throw new Error(`This computer has no apt-get. Install these by hand: ${packages.join(', ')}.`);
  }
  const apt = async (args: readonly string[], timeoutMs: number): Promise<void> => {
    // A package manager that runs already (unattended upgrades) is waited for, for a bounded time.
    const setting = ['DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=l'];
    const [program, ...words] = asRoot([
      'env',
      ...setting,
      ...['apt-get', '--option', 'DPkg::Lock::Timeout=300', ...args],
    ]);
    await run(program, words, { timeoutMs, ...options });
  };
  await apt(['update'], 300_000);
  const names: string[] = [];
  for (const name of packages) {
    if (!name.endsWith('?')) names.push(name);
    else if (await isKnown(name.slice(0, -1))) names.push(name.slice(0, -1));
  }
  await apt(['install', '--yes', '--no-install-recommends', ...names], 1_800_000);
}

async function isKnown(name: string): Promise<boolean> {
  const policy = await run('apt-cache', ['policy', name], { timeoutMs: 60_000 });
  return /Candidate: (?!\(none\))/.test(policy);
}
