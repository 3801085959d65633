import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptInstall, type AptOptions } from './apt.ts';
import { findProgram } from './programs.ts';
import { asRoot } from './root.ts';
import { run, RunFailed } from './run.ts';

/** What the sample's Dockerfile and the tests' Dockerfiles are built from. */
const image = 'debian:bookworm';
/** The bounds on a pull and on what replaces it, in milliseconds. */
const pullMs = 180_000;
const bootstrapMs = 900_000;

/**
 * Gets the sample's base image: the one that is there, else pulled, else made from Debian's packages, for
 * machines that reach a Debian mirror and no image registry.
 * @returns what to say
 */
export async function bringBaseImage(options: AptOptions): Promise<string> {
  const inspected = await run('docker', ['image', 'inspect', '--format', '{{.Id}}', image], {
    timeoutMs: 30_000,
  }).catch(ignoreFailure);
  if (inspected !== undefined) return `${image} is there`;
  options.onLine(`docker pull ${image}`);
  const pulled = await run('docker', ['pull', image], { timeoutMs: pullMs, ...options }).catch(ignoreFailure);
  if (pulled !== undefined) return `${image} pulled`;
  await bootstrap(options);
  return `${image} made with debootstrap (no registry answered)`;
}

async function bootstrap(options: AptOptions): Promise<void> {
  if ((await findProgram('debootstrap')) === undefined) {
    await aptInstall(['debootstrap', 'debian-archive-keyring'], options);
  }
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-debian-'));
  const root = join(folder, 'root');
  const sudo = async (...words: [string, ...string[]]): Promise<void> => {
    const [program, ...args] = asRoot(words);
    await run(program, args, { timeoutMs: bootstrapMs, ...options });
  };
  try {
    await sudo('debootstrap', '--variant=minbase', 'bookworm', root);
    await sudo('rm', '-rf', join(root, 'var/cache/apt/archives'), join(root, 'var/lib/apt/lists'));
    // apt makes neither folder by itself.
    await sudo(
      'mkdir',
      '-p',
      join(root, 'var/cache/apt/archives/partial'),
      join(root, 'var/lib/apt/lists/partial'),
    );
    const archive = join(folder, 'root.tar');
    await sudo('tar', '--numeric-owner', '-C', root, '-cf', archive, '.');
    await run('docker', ['import', '--change', 'CMD ["bash"]', archive, image], {
      timeoutMs: 300_000,
      ...options,
    });
  } finally {
    await sudo('rm', '-rf', folder);
  }
}

/** "No" is an answer here: the next way is tried, and the log keeps what the program said. */
function ignoreFailure(error: unknown): undefined {
  if (!(error instanceof RunFailed)) throw error;
}
