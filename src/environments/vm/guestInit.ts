import type { Connection } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';
import { entrypointsLog, openrcMarks } from './image/openrc.ts';
import { wayInMark } from './image/wayIn.ts';

/**
 * What is asked of a machine's init system: shell code, to be run as root with `/bin/sh`, for each. In each the
 * arguments that it takes are the variables named.
 */
interface InitScripts {
  /** Has the root file system take the whole disk, if it does not yet. Ends when it does. */
  readonly grow: string;
  /** Waits until the services of the image have started, for two minutes at most. */
  readonly settle: string;
  /** Has `program` run as `user` at each boot, with the services. Takes `program` and `user`. */
  readonly entrypointsAtBoot: string;
  /**
   * Waits for that of this boot for `seconds`, and starts it where it has not come yet.
   * Fails where it failed, with what it printed.
   */
  readonly awaitEntrypoints: string;
  /** Starts the Docker engine. */
  readonly startDocker: string;
}

const entrypoints = 'switchyard-entrypoints';

/** What an entrypoint leaves running in the background runs on. */
const entrypointsUnit = `[Unit]
Description=Switchyard: the entrypoints of features
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
User=%s
ExecStart=%s
StandardOutput=journal
StandardError=journal
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
`;

const systemd: InitScripts = {
  grow: 'systemctl start switchyard-grow.service',
  settle: 'timeout 120 systemctl is-system-running --wait > /dev/null 2>&1 || :',
  entrypointsAtBoot: `mkdir -p /etc/systemd/system/multi-user.target.wants
printf '${entrypointsUnit}' "$user" "$program" > /etc/systemd/system/${entrypoints}.service
ln -sfn ../${entrypoints}.service /etc/systemd/system/multi-user.target.wants/${entrypoints}.service
systemctl daemon-reload`,
  awaitEntrypoints: `timeout "$seconds" systemctl start ${entrypoints}.service >/dev/null 2>&1
code=$?
[ $code != 0 ] && [ $code != 124 ] || exit 0
journalctl --boot --no-pager --output cat --lines 20 _SYSTEMD_UNIT=${entrypoints}.service 2>/dev/null
exit 1`,
  startDocker: 'systemctl start docker.service',
};

/** BusyBox's `timeout` of old says 143 where time is up. The box has the service. */
const openrc: InitScripts = {
  grow: '[ -e /etc/switchyard/grown ] || /usr/lib/switchyard/grow > /dev/null',
  settle: `tries=0
until [ -e ${openrcMarks.up} ] || [ $tries -ge 120 ]; do sleep 1; tries=$((tries + 1)); done`,
  // Not before: what has been started with nothing to run is not started again.
  entrypointsAtBoot: `printf "%s\\n" "$user" > "$program.user"
ln -sfn /etc/init.d/${entrypoints} /etc/runlevels/default/${entrypoints}`,
  awaitEntrypoints: `: > ${openrcMarks.hurry}
tries=0
until [ -e ${openrcMarks.up} ]; do
  [ $tries -lt "$seconds" ] || exit 0
  sleep 1
  tries=$((tries + 1))
done
timeout "$seconds" rc-service ${entrypoints} start >/dev/null 2>&1
case $? in 0 | 124 | 143) exit 0 ;; esac
tail -n 20 ${entrypointsLog}
exit 1`,
  startDocker: `: > ${openrcMarks.hurry}
tries=0
until [ -e /run/openrc/softlevel ] || [ $tries -ge 30 ]; do sleep 1; tries=$((tries + 1)); done
rc-service docker start`,
};

/**
 * Shell code that waits until the init system answers, for a minute at most: the way in may be there before it. Systemd
 * answers root at its private socket, also before there is a D-Bus.
 */
const untilInitIsUp = `tries=0
until [ ! -e ${wayInMark} ] || [ -S /run/systemd/private ] || [ $tries -ge 600 ]; do
  sleep 0.1
  tries=$((tries + 1))
done`;

/**
 * The same for whichever runs in the machine that is asked.
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html
 */
function whichever(what: keyof InitScripts): string {
  return `${untilInitIsUp}
if [ -d /run/systemd/system ]; then
${systemd[what]}
else
${openrc[what]}
fi`;
}

export const guestInit: InitScripts = {
  grow: whichever('grow'),
  settle: whichever('settle'),
  entrypointsAtBoot: whichever('entrypointsAtBoot'),
  awaitEntrypoints: whichever('awaitEntrypoints'),
  startDocker: whichever('startDocker'),
};

/** Waits until the init system of a machine that has just started answers, for a bounded time. */
export async function awaitInit(connection: Connection, signal: AbortSignal): Promise<void> {
  await run(connection, { argv: ['/bin/sh', '-c', untilInitIsUp], cwd: '/' }, signal);
}
