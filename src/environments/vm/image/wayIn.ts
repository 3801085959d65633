/**
 * The way into a machine: its network and its SSH server. An init system takes as long to find out what it is to start as
 * the kernel takes to boot, so where it is a large one they are there before it: the initial RAM disk starts them
 * from the machine's own disk, and the init system takes them over when it comes to that. Every text is a constant.
 */

/** In the guest, without the leading slash. Run by the initial RAM disk as root, in the guest's file system. */
export const wayIn = 'usr/lib/switchyard/way-in';

/** Is there from before anybody is let in, where the init system may not be up by then. Vanishes with the boot. */
export const wayInMark = '/run/switchyard-way-in';

/** The processes of the way in, as they say themselves. */
export const pidFiles = { sshd: '/run/sshd.pid', network: '/run/switchyard-dhcp.pid' } as const;

/**
 * Shell code for what sshd and a terminal need of the file systems that live in memory. What an init system finds
 * mounted it leaves as it is, so the options are systemd's.
 * @see https://github.com/systemd/systemd/blob/main/src/shared/mount-setup.c
 */
export const places = `bb=/usr/lib/switchyard/busybox
missing() { ! $bb grep -qs "^[^ ]* $1 " /proc/mounts; }
! missing /run || $bb mount -t tmpfs -o mode=0755,nosuid,nodev,size=20%,nr_inodes=800k tmpfs /run
$bb mkdir -p /dev/pts /dev/shm /run/lock /run/sshd
! missing /dev/pts || $bb mount -t devpts -o gid=5,mode=0620,nosuid,noexec devpts /dev/pts
! missing /dev/shm || $bb mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
[ -e /dev/fd ] || $bb ln -s /proc/self/fd /dev/fd
[ -e /dev/stdin ] || $bb ln -s /proc/self/fd/0 /dev/stdin
[ -e /dev/stdout ] || $bb ln -s /proc/self/fd/1 /dev/stdout
[ -e /dev/stderr ] || $bb ln -s /proc/self/fd/2 /dev/stderr
[ ! -s /etc/hostname ] || $bb hostname -F /etc/hostname
`;

/** The agent of the workspace sync, where there is one (bootAgent.ts). Absolute path in the guest. */
export const agentProgram = '/etc/switchyard/agent.py';

/** Where it waits, there and in the memory of a ready snapshot. */
export const agentSocket = '/run/switchyard-agent/socket';

/** Shell code: it gets ready while whoever asks for it logs in. By its last word one that comes later knows what it is. */
export const agent = `[ ! -e ${agentProgram} ] || python3 -IS ${agentProgram} switchyard-agent < /dev/null > /dev/null 2>&1 &
`;

/** Bound on what is mounted before anybody is let in, in seconds. */
const mountSeconds = 60;

/** Shell code: nobody is let in before everything is in its place. */
export const mounts = `[ ! -x /etc/switchyard/mount ] || $bb timeout ${mountSeconds} /etc/switchyard/mount > /dev/kmsg 2>&1
`;

/**
 * Neither waits for the init system, nor that for them. Whatever is started may open 524288 files at most, as what
 * systemd starts.
 * @see systemd-system.conf(5), `DefaultLimitNOFILE`
 */
export function wayInScript(commands: { readonly network: string; readonly sshd: string }): string {
  return `#!/usr/lib/switchyard/busybox sh
cd /
${places}: > ${wayInMark}
ulimit -H -n 524288
{
  $bb ip link set lo up
  exec ${commands.network}
} > /dev/null 2>&1 &
{
  ${mounts}  exec ${commands.sshd}
} > /dev/null 2> /dev/kmsg &
${agent}`;
}

/** In the guest, without the leading slash: keep PIDFILE PROGRAM ARGUMENT... */
export const keep = 'usr/lib/switchyard/keep';

/**
 * For a unit of systemd (\`Type=forking\` with the PID file): takes over what the way in started, with all that came of
 * it, or starts it where it does not run. Of a process that moves, what it starts from then on is where it is; so
 * whoever moves before its children leaves none behind.
 * @see cgroups(7), `cgroup.procs`; proc(5), `/proc/pid/task/tid/children`
 */
export const keepScript = `#!/usr/lib/switchyard/busybox sh
bb=/usr/lib/switchyard/busybox
pidfile=$1
shift
group=$($bb sed -n 's/^[0-9]*:\\(name=systemd\\)\\{0,1\\}:\\(\\/system\\.slice\\/\\)/\\2/p' /proc/self/cgroup | $bb head -n 1)
adopt() {
  for tree in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ ! -e "$tree$group/cgroup.procs" ] || echo "$1" > "$tree$group/cgroup.procs"
  done
  for child in $($bb cat /proc/"$1"/task/*/children); do adopt "$child"; done
}
pid=$($bb cat "$pidfile" 2> /dev/null)
if [ -n "$pid" ] && [ "$($bb readlink "/proc/$pid/exe")" = "$($bb readlink -f "$1")" ]; then
  # What ended meanwhile is not there to be moved.
  [ -z "$group" ] || adopt "$pid" 2> /dev/null
  exit 0
fi
$bb rm -f "$pidfile"
"$@" &
until [ -s "$pidfile" ]; do $bb usleep 10000; done
`;
