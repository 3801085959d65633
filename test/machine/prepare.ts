import { spawn } from 'node:child_process';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { aptCommand, aptInstall } from './apt.ts';
import { bringBaseImage } from './baseImage.ts';
import { cacheFolder } from './cache.ts';
import { ask, type Consent } from './consent.ts';
import { bringDocker, bringLibvirt } from './daemons.ts';
import { root } from './dependencies.mjs';
import { findDesktopEditor } from './editor/desktop.ts';
import { findEditor, installEditor, codeServerVersion } from './editor/install.ts';
import { packExtension } from './extension.ts';
import { mendKvm } from './kvm.ts';
import { needsFor, type Need } from './needs.ts';
import type { Report } from './report.mjs';
import { asRoot, isRoot } from './root.ts';
import { run } from './run.ts';

/** The groups whose members may speak to the engines. */
const engineGroups = ['docker', 'libvirt', 'kvm'];

/**
 * Brings up what this machine needs, step by step; what is there is left as it is.
 * @returns the packed extension
 */
export async function prepare(report: Report, purpose: 'start' | 'test', consent: Consent): Promise<string> {
  const log = join(cacheFolder(), 'logs', 'packages.log');
  if (process.platform !== 'linux') {
    throw new Error(
      'Only Linux can be prepared. Install Docker, Vagrant and libvirt by hand and press F5 in VS Code.',
    );
  }
  await bringPackages(report, await needsFor(purpose), consent, log);
  await bringGroups(report, consent);
  await report.step('/dev/kvm', () => mendKvm());
  await report.step('Docker', (step) => bringDocker(step.line));
  await report.step('libvirt', (step) => bringLibvirt(step.line));
  await report.step('Base image', (step) => bringBaseImage({ log, onLine: step.line }));
  if (purpose === 'test' || (await findDesktopEditor()) === undefined) {
    await report.step('Editor', async (step) => {
      if (await findEditor()) return `code-server ${codeServerVersion} is there`;
      await installEditor(step.line);
      return `code-server ${codeServerVersion} installed`;
    });
  }
  let vsix = '';
  await report.step('Extension', async (step) => {
    const packed = await packExtension(root, step.line);
    vsix = packed.vsix;
    return `built and packed, ${(packed.bytes / 1e6).toFixed(1)} MB`;
  });
  return vsix;
}

async function bringPackages(
  report: Report,
  needs: readonly Need[],
  consent: Consent,
  log: string,
): Promise<void> {
  const missing: Need[] = [];
  await report.step('Found', async () => {
    const found: string[] = [];
    for (const need of needs) {
      if ((await need.find()) === undefined) missing.push(need);
      else found.push(need.name);
    }
    return found.length === 0 ? 'nothing yet' : found.join(', ');
  });
  if (missing.length === 0) return;
  const names = missing.map((need) => need.name).join(', ');
  report.note('Missing', names);
  const packages = missing.flatMap((need) => need.packages);
  await ask(
    consent,
    `Missing: ${names}. Install ${packages.length} Debian packages${isRoot() ? '' : ' with sudo'}?`,
    `${isRoot() ? '' : 'sudo '}${aptCommand(packages)}`,
  );
  await report.step('Packages', async (step) => {
    await aptInstall(packages, { log, onLine: step.line });
    const still: string[] = [];
    for (const need of missing) if ((await need.find()) === undefined) still.push(need.name);
    if (still.length > 0)
      throw new Error(`Installed, and yet not found: ${still.join(', ')}.\nThe log: ${log}`);
    return `installed ${names}`;
  });
}

/**
 * Puts a person who is not root into the engines' groups. A process keeps the groups that it began with, so
 * everything begins again in a process that has them.
 */
async function bringGroups(report: Report, consent: Consent): Promise<void> {
  if (isRoot()) return;
  const groups = await existing(engineGroups);
  const now = await groupNames();
  const lacking = groups.filter((group) => !now.has(group));
  if (lacking.length === 0) return;
  const user = userInfo().username;
  const recorded = await groupNames(user);
  const toJoin = lacking.filter((group) => !recorded.has(group));
  if (toJoin.length > 0) {
    const words = ['usermod', '--append', '--groups', toJoin.join(','), user] as const;
    await ask(
      consent,
      `${user} may not speak to the engines yet. Join the groups ${toJoin.join(', ')}?`,
      `sudo ${words.join(' ')}`,
    );
    await report.step('Groups', async () => {
      const [program, ...args] = asRoot(words);
      await run(program, args, { timeoutMs: 30_000 });
      return `${user} joined ${toJoin.join(', ')}`;
    });
  }
  await beginAgain(user);
}

async function existing(groups: readonly string[]): Promise<readonly string[]> {
  const known = await run('getent', ['group'], { timeoutMs: 20_000 });
  return groups.filter((group) => new RegExp(`^${group}:`, 'm').test(known));
}

/** The groups of this process, or those recorded for a user. */
async function groupNames(user?: string): Promise<ReadonlySet<string>> {
  const names = await run('id', ['--groups', '--name', ...(user === undefined ? [] : [user])], {
    timeoutMs: 20_000,
  });
  return new Set(names.trim().split(/\s+/));
}

async function beginAgain(user: string): Promise<never> {
  if (process.env['SWITCHYARD_GROUPS_JOINED']) {
    throw new Error('The engines’ groups do not take effect. Log out and in again, then run this again.');
  }
  // sudo reads the groups anew; nothing of the environment is lost.
  const child = spawn(
    'sudo',
    [
      ...['--preserve-env', '--user', user, '--', 'env', 'SWITCHYARD_GROUPS_JOINED=1'],
      ...[`PATH=${process.env['PATH'] ?? ''}`, process.execPath, ...process.argv.slice(1)],
    ],
    { stdio: 'inherit' },
  );
  // Ctrl-C reaches both; only the other one decides when it has ended.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  process.exit(code);
}
