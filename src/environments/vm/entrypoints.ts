import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import { lastLines } from '../../base/process.ts';
import { quote } from '../../base/shell.ts';
import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';

const program = '/etc/switchyard/entrypoints';
const service = 'switchyard-entrypoints.service';

/** How long the entrypoints may keep the hooks waiting, in seconds: one that never ends does so in a container. */
const waitSeconds = 30;

/** What an entrypoint leaves running in the background runs on. */
const unit = (user: string): string => `[Unit]
Description=Switchyard: the entrypoints of features
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
User=${user}
ExecStart=${program}
StandardOutput=journal
StandardError=journal
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
`;

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
chown -- "$2:" ${program}
chmod 0700 ${program}
umask 022
printf %s "$1" > /etc/systemd/system/${service}
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sfn ../${service} /etc/systemd/system/multi-user.target.wants/${service}
systemctl daemon-reload
`;
  const argv = ['/bin/sh', '-c', script, 'install', unit(as.user), as.user];
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
  const script = `timeout ${waitSeconds} systemctl start ${service} >/dev/null 2>&1
code=$?
[ $code != 0 ] && [ $code != 124 ] || exit 0
journalctl --boot --no-pager --output cat --lines 20 _SYSTEMD_UNIT=${service} 2>/dev/null
exit 1
`;
  const argv = ['/bin/sh', '-c', script];
  const done = await run(connection, { argv, user: 'root', cwd: '/', env: {} }, signal);
  return done.code === 0 ? undefined : failure(done.stdout.toString('utf8'));
}

function failure(said: string): SwitchyardError {
  return new SwitchyardError({
    code: 'vm.entrypoint',
    what: l10n.t('An entrypoint of a feature failed in the virtual machine.'),
    why: lastLines(said, 3) || l10n.t('It ended without a word.'),
    next: l10n.t('See its output with "journalctl -u {0}" in a terminal.', service),
    remedies: [{ do: 'openTerminal', kind: 'vm' }, { do: 'showLog' }],
    detail: said,
  });
}
