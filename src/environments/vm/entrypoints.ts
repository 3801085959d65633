import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import { lastLines } from '../../base/process.ts';
import { quote } from '../../base/shell.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';
import { guestInit } from './guestInit.ts';
import { entrypointsLog } from './image/openrc.ts';

const program = '/etc/switchyard/entrypoints';

/** How long the entrypoints may keep the hooks waiting, in seconds: one that never ends does so in a container. */
const waitSeconds = 30;

/**
 * All of them, one after the other, as the start of the container runs them. One that fails does not keep the
 * next from running.
 */
export function entrypointScript(
  entrypoints: readonly string[],
  env: Readonly<Record<string, string>>,
): string {
  return [
    '#!/bin/sh',
    '# Written by Switchyard when the machine was made.',
    'failed=0',
    ...Object.entries(env).flatMap(([name, value]) =>
      /^[A-Za-z_]\w*$/.test(name) ? [`export ${name}=${quote(value)}`] : [],
    ),
    ...entrypoints.map(
      (text) => `/bin/sh -c ${quote(text)} || { echo ${quote(text)} failed: $? >&2; failed=1; }`,
    ),
    'exit $failed',
    '',
  ].join('\n');
}

/**
 * Puts them into a new machine, which runs them at each boot from the next one on.
 * @throws SwitchyardError `vm.entrypoint`
 */
export async function installEntrypoints(
  connection: Connection,
  entrypoints: readonly string[],
  as: { readonly user: string; readonly env: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<void> {
  if (entrypoints.length === 0) return;
  // Values of containerEnv may be nobody else's business.
  const script = `set -eu
umask 077
cat > ${program}
chown -- "$1:" ${program}
chmod 0700 ${program}
umask 022
program=${program} user=$1
${guestInit.entrypointsAtBoot}
`;
  const argv = ['/bin/sh', '-c', script, 'install', as.user];
  const input = entrypointScript(entrypoints, as.env);
  const done = await run(connection, { argv, user: 'root', cwd: '/', env: {}, input }, signal);
  if (done.code !== 0) throw failure(done.stderr.toString('utf8'));
}

/**
 * Waits for the entrypoints of this boot, for a bounded time, and starts them where that has not come yet.
 * @returns what failed
 */
export async function awaitEntrypoints(
  connection: Connection,
  signal: AbortSignal,
): Promise<SwitchyardError | undefined> {
  const script = `seconds=${waitSeconds}\n${guestInit.awaitEntrypoints}\n`;
  const argv = ['/bin/sh', '-c', script];
  const done = await run(connection, { argv, user: 'root', cwd: '/', env: {} }, signal);
  return done.code === 0 ? undefined : failure(done.stdout.toString('utf8'));
}

function failure(said: string): SwitchyardError {
  return new SwitchyardError({
    code: 'vm.entrypoint',
    what: l10n.t('An entrypoint of a feature failed in the virtual machine.'),
    why: lastLines(said, 3) || l10n.t('It ended without a word.'),
    next: l10n.t(
      'See its output in a terminal: with "journalctl -u {0}", or in {1} where there is no systemd.',
      'switchyard-entrypoints',
      entrypointsLog,
    ),
    remedies: [{ do: 'openTerminal', kind: 'vm' }, { do: 'showLog' }],
    detail: said,
  });
}
