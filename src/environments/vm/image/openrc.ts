import { dhcpCommand, restScript, sshdCommand, type InitSystem } from './initSystem.ts';
import { agent, mounts, places } from './wayIn.ts';

/**
 * Says that all runlevels were gone through, and, the other way round, that somebody waits for that.
 * Both vanish with the boot.
 */
export const openrcMarks = { up: '/run/switchyard-up', hurry: '/run/switchyard-hurry' } as const;

/** What the entrypoints of features print. */
export const entrypointsLog = '/var/log/switchyard-entrypoints.log';

/**
 * What starts in a machine by BusyBox's init and OpenRC: the way in first, the runlevels after it. OpenRC starts one
 * service after the other, so what nobody should wait for is the init's own to start. Every text is a constant.
 */
export const openrc: InitSystem = {
  name: 'openrc',
  kernelOptions: [],
  // Its builds of OpenSSH may know no PAM, and say so for each connection.
  sshdOptions: [],
  arrange: String.raw`
# A container needs no init: its image may have BusyBox without it.
[ -e sbin/init ] || [ -L sbin/init ] || ln -s /usr/lib/switchyard/busybox sbin/init
# runlevel LEVEL SERVICE...: of those that this distribution has
runlevel() {
  level=etc/runlevels/$1
  mkdir -p "$level"
  shift
  for service in "$@"; do
    [ ! -e "etc/init.d/$service" ] || ln -sfn "/etc/init.d/$service" "$level/$service"
  done
}
runlevel sysinit devfs dmesg cgroups
runlevel boot switchyard-network modules sysctl hostname bootmisc syslog
runlevel default
runlevel shutdown killprocs savecache mount-ro
# What has its own way of starting, or would have the network for itself.
for service in sshd ssh networking dhcpcd acpid; do rm -f etc/runlevels/*/"$service"; done
# As in a container, where no start clears /tmp; a terminal may be open before OpenRC comes to it.
mkdir -p etc/conf.d
echo 'wipe_tmp="NO"' >> etc/conf.d/bootmisc
rm -f etc/machine-id
`,
  files: (acceleration) => [
    { path: 'in/root/etc/inittab', mode: 0o644, content: inittab(sshdCommand(acceleration)) },
    { path: 'in/root/usr/lib/switchyard/boot', mode: 0o755, content: bootScript },
    { path: 'in/root/usr/lib/switchyard/down', mode: 0o755, content: downScript },
    {
      path: 'in/root/usr/lib/switchyard/rest',
      mode: 0o755,
      content: restScript(runlevels, `[ -e ${openrcMarks.hurry} ]`),
    },
    { path: 'in/root/etc/switchyard/acpi/PWRF/00000080', mode: 0o755, content: powerButton },
    { path: 'in/root/etc/init.d/switchyard-network', mode: 0o755, content: networkService },
    { path: 'in/root/etc/init.d/switchyard-entrypoints', mode: 0o755, content: entrypointsService },
  ],
};

/**
 * `sysinit` lines are waited for, one after the other; then everything else starts at once.
 * Characters of the shell make BusyBox run a line by /bin/sh.
 * @see https://git.busybox.net/busybox/tree/examples/inittab
 */
function inittab(sshd: string): string {
  return `# Written by Switchyard.
::sysinit:/usr/lib/switchyard/boot
::once:/usr/lib/switchyard/rest > /dev/console 2>&1
::respawn:${dhcpCommand} > /dev/null 2>&1
::respawn:${sshd} > /dev/null 2> /dev/kmsg
::respawn:/usr/lib/switchyard/busybox acpid -f -c /etc/switchyard/acpi > /dev/null 2>&1
::ctrlaltdel:/sbin/reboot
::shutdown:/usr/lib/switchyard/down
`;
}

/** What sshd and a terminal need. The initial RAM disk mounted /dev, /proc and /sys. The power button is a module. */
const bootScript = `#!/usr/lib/switchyard/busybox sh
${places}$bb ip link set lo up
$bb modprobe -a button evdev 2> /dev/kmsg
${mounts}${agent}`;

const runlevels = `for level in sysinit boot default; do openrc $level; done
: > ${openrcMarks.up}`;

const downScript = `#!/usr/lib/switchyard/busybox sh
bb=/usr/lib/switchyard/busybox
# What has not come up goes down by itself.
[ ! -e /run/openrc/softlevel ] || openrc shutdown
$bb sync
`;

/** The signal by which BusyBox's init powers off: whose poweroff this system has does not matter. */
const powerButton = `#!/bin/sh
exec kill -USR2 1
`;

/** For services that need a network: it comes before OpenRC does. */
const networkService = `#!/sbin/openrc-run
description="Switchyard's network (DHCP on eth0), which init keeps running"

depend() {
  provide net
}

start() {
  :
}

stop() {
  :
}
`;

/** Enabled where devcontainer.json has features with entrypoints. What they leave running in the background runs on. */
const entrypointsService = `#!/sbin/openrc-run
description="The entrypoints of features"

depend() {
  need net
  after *
}

start() {
  ebegin "Running the entrypoints of features"
  su -s /bin/sh -c /etc/switchyard/entrypoints "$(cat /etc/switchyard/entrypoints.user)" \\
    > ${entrypointsLog} 2>&1 < /dev/null
  eend $?
}
`;
