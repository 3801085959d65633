import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../../base/errors.ts';
import { withDeadline } from '../../../base/abort.ts';
import type { Logger } from '../../../base/log.ts';
import { lastLines } from '../../../base/process.ts';
import type { Progress } from '../../../base/progress.ts';
import type { Connection } from '../../../connections/connection.ts';
import { run } from '../../../connections/run.ts';
import { guestInit } from '../guestInit.ts';
import type { OtherServices } from './guestCompose.ts';

/** What is known of a machine's other services from when it was made. */
export interface GuestServices extends Pick<OtherServices, 'names' | 'onMachine' | 'left'> {
  /** By which the machine's Compose knows them. */
  readonly project: string;
  /** What the image lacks to run them; missing where it lacks nothing. */
  readonly without?: 'engine' | 'compose';
}

const file = '/etc/switchyard/services.json';

/** Bound on a start of the services in milliseconds: their images may have to be fetched or built. */
const startMs = 20 * 60_000;

/** How long the engine may take to answer after a boot, in seconds; software emulation is slow. */
const engineSeconds = 90;

/** Sets `compose` to what calls it. */
const findCompose = `command -v docker >/dev/null 2>&1 && command -v dockerd >/dev/null 2>&1 || exit 3
if docker compose version >/dev/null 2>&1; then compose='docker compose'
elif docker-compose version >/dev/null 2>&1; then compose=docker-compose
else exit 4
fi
`;

/**
 * Puts the services' compose file into a new machine, and looks whether its image has what runs them.
 * @throws SwitchyardError `vm.services`
 */
export async function installServices(
  connection: Connection,
  others: OtherServices,
  project: string,
  signal: AbortSignal,
): Promise<GuestServices> {
  // Values of their environment may be nobody else's business.
  const script = `set -eu
umask 077
mkdir -p /etc/switchyard
cat > ${file}
${findCompose}`;
  const argv = ['/bin/sh', '-c', script];
  const done = await run(connection, { argv, user: 'root', cwd: '/', input: others.file }, signal);
  const { names, onMachine, left } = others;
  const made = { names, onMachine, left, project };
  if (done.code === 0) return made;
  if (done.code === 3) return { ...made, without: 'engine' };
  if (done.code === 4) return { ...made, without: 'compose' };
  throw failed(names, done.stderr.toString('utf8'));
}

/**
 * After each boot: starts them, and has their names stand for them in the machine.
 * @returns what failed, in a machine that can be worked in all the same
 */
export async function startServices(
  connection: Connection,
  services: GuestServices,
  log: Logger,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<SwitchyardError | undefined> {
  const { names, onMachine, project } = services;
  if (services.without) return lacking(services);
  progress.step(l10n.t('Starting the services: {0}', names.join(', ')));
  const argv = ['/bin/sh', '-c', startScript, 'start', project, onMachine.join(' '), ...names];
  const bound = withDeadline(signal, startMs);
  try {
    const done = await run(connection, { argv, user: 'root', cwd: '/' }, bound);
    const said = `${done.stdout.toString('utf8')}\n${done.stderr.toString('utf8')}`;
    if (done.code === 0) {
      log.debug(said);
      return undefined;
    }
    log.warn(`The services ${names.join(', ')}: ${said}`);
    return failed(names, said);
  } catch (error) {
    signal.throwIfAborted();
    if (!bound.aborted) throw error;
    return failed(names, l10n.t('It took too long and was ended.'));
  }
}

/**
 * Containers have other addresses after each start. The lines of the names stand between two marks, and the
 * file is written in place, for it may be a mount.
 */
const startScript = `project=$1 onmachine=$2
shift 2
${findCompose}{ ${guestInit.startDocker}; } >/dev/null 2>&1
deadline=$(($(date +%s) + ${engineSeconds}))
until docker version >/dev/null 2>&1; do
  [ "$(date +%s)" -lt $deadline ] || { docker version >&2; exit 1; }
  sleep 0.5
done
$compose -p "$project" -f ${file} up -d --remove-orphans "$@" || exit 1
mark='# services of the compose file, by Switchyard'
hosts=$(sed "/^$mark/,/^$mark: end/d" /etc/hosts)
lines=$mark
for name in "$@"; do
  address=
  case " $onmachine " in
    *" $name "*) address=127.0.0.1 ;;
    *)
      for id in $($compose -p "$project" -f ${file} ps -q "$name"); do
        for one in $(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$id"); do
          [ -n "$address" ] || address=$one
        done
      done ;;
  esac
  [ -z "$address" ] || lines="$lines
$address $name"
done
printf '%s\\n' "$hosts" "$lines" "$mark: end" > /etc/hosts
`;

/** Rows for the tree: what of the services a machine leaves. */
export function leftOf({ names, without, left }: GuestServices): GuestServices['left'] {
  if (!without) return left;
  return names.map((name) => ({ property: `services: ${name}`, reason: reasonOf(without) }));
}

function reasonOf(without: NonNullable<GuestServices['without']>): string {
  return without === 'engine'
    ? l10n.t('It runs in the Docker engine of the virtual machine, and the image has none.')
    : l10n.t('It is started by Docker Compose in the virtual machine, and the image has none.');
}

function lacking({ names, without = 'engine' }: GuestServices): SwitchyardError {
  return new SwitchyardError({
    code: 'vm.services',
    what: l10n.t('Services of the project do not run in the virtual machine: {0}.', names.join(', ')),
    why:
      without === 'engine'
        ? l10n.t('They run in the Docker engine of the virtual machine, and the image has none.')
        : l10n.t('They are started by Docker Compose in the virtual machine, and the image has none.'),
    next: l10n.t('Add the feature "docker-in-docker" to devcontainer.json, and rebuild.'),
    remedies: [{ do: 'rebuild', kind: 'vm' }],
  });
}

/** In words. @param said by the engine, or by Compose */
export function failed(names: readonly string[], said: string): SwitchyardError {
  return new SwitchyardError({
    code: 'vm.services',
    what: l10n.t(
      'Services of the project could not be started in the virtual machine: {0}.',
      names.join(', '),
    ),
    why: lastLines(said, 3) || l10n.t('It ended without a word.'),
    next: l10n.t('See their output with "docker logs" in a terminal, as root.'),
    remedies: [{ do: 'openTerminal', kind: 'vm' }, { do: 'showLog' }],
    detail: said,
  });
}
