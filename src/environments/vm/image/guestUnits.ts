import type { Acceleration } from '../acceleration.ts';

/**
 * What starts in a machine by systemd: the way in first (network, sshd), the rest of the system after it. Every text
 * is a constant: values come into a guest only as whole files.
 */

/** Where the boot begins: the way into the machine. The system's own target follows. */
export const firstTarget = `[Unit]
Description=Switchyard: the way in
DefaultDependencies=no
Wants=switchyard-network.service switchyard-sshd.service switchyard-warm.service switchyard-rest.service
AllowIsolate=yes
`;

export const restUnit = `[Unit]
Description=Switchyard: the rest of the system
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
ExecStart=/usr/lib/switchyard/rest
StandardOutput=null
StandardError=kmsg
`;

/**
 * Whoever waits for the machine waits for a terminal, so the rest of the system starts when the machine has a
 * moment to spare: less than a fifth of one processor is in use for half a second. It waits for a short time
 * only, so that it comes up also where nobody logs in, or somebody works at once. Times of /proc/stat are in
 * hundredths of a second, see proc(5).
 */
export const restScript = `#!/usr/lib/switchyard/busybox sh
bb=/usr/lib/switchyard/busybox
busy() {
  read -r name user nice system idle wait irq softirq more < /proc/stat
  used=$((user + nice + system + irq + softirq))
}
$bb sleep 2
busy
for half in 1 2 3 4 5 6 7 8 9 10 11 12; do
  before=$used
  $bb sleep 0.5
  busy
  [ $((used - before)) -ge 10 ] || break
done
exec systemctl --no-block start default.target
`;

/**
 * sshd of its own, with its own configuration: whatever the image configured for itself stays untouched.
 * Without PAM, because a container's exec knows no PAM either: no session, no limits, no message of the
 * day; and a session opens without waiting for D-Bus. Clients may set variables as they may in a container:
 * whoever is let in has a shell anyway, and what the config sets (`SetEnv`) goes before it. A socket that an
 * earlier forward left is nobody's, and not in the next one's way.
 */
export const sshdConfig = `Port 22
HostKey /etc/switchyard/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys /etc/switchyard/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
PrintLastLog no
MaxSessions 1000
MaxStartups 100
AcceptEnv *
StreamLocalBindUnlink yes
Subsystem sftp internal-sftp
`;

/**
 * Each connection gets an sshd process of its own, which OpenSSH lets start anew so that it lies at other addresses. In
 * software emulation nothing does, and the start is most of what a login takes; there a copy of the one that listens
 * will do (`-r`, which newer versions take and pass over).
 */
export function sshdUnit(acceleration: Acceleration['type']): string {
  const options = acceleration === 'tcg' ? '-D -e -r' : '-D -e';
  return `[Unit]
Description=Switchyard SSH server
# The root file system is there and can be written before systemd is: nothing needs to be waited for.
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target

[Service]
# While the machine boots, whoever logs in comes first.
StartupCPUWeight=1000
StandardOutput=null
# The journal is not there yet.
StandardError=kmsg
ExecStart=/usr/sbin/sshd ${options} -f /etc/switchyard/sshd_config
ExecReload=/bin/kill -HUP $MAINPID
RuntimeDirectory=sshd
RuntimeDirectoryMode=0755
KillMode=process
Restart=always
RestartSec=1
`;
}

/** A DHCP client that waits neither for udev nor for D-Bus, and is the same in every distribution. */
export const networkUnit = `[Unit]
Description=Switchyard network (DHCP on eth0)
DefaultDependencies=no
Wants=network.target
Before=network.target shutdown.target
Conflicts=shutdown.target

[Service]
StartupCPUWeight=1000
StandardOutput=null
StandardError=kmsg
ExecStart=/usr/lib/switchyard/busybox udhcpc -f -p /run/switchyard-dhcp.pid -i eth0 -t 1000 -T 1 -A 1 -s /usr/lib/switchyard/dhcp
Restart=always
RestartSec=1
`;

/**
 * The first thing that comes over a connection is the sync's agent (startAgent.ts). While the connection is made, one
 * processor has nothing to do: it reads the agent's interpreter and modules from the disk.
 */
export const warmUnit = `[Unit]
Description=Switchyard: read ahead what the first connection asks for
DefaultDependencies=no
After=switchyard-sshd.service
Conflicts=shutdown.target
Before=shutdown.target

[Service]
CPUSchedulingPolicy=idle
StandardOutput=null
StandardError=null
ExecStart=-/usr/bin/python3 -IS -c "import errno, fcntl, hashlib, os, re, select, shutil, signal, stat, struct, sys, threading, time"
`;

export const dhcpScript = `#!/usr/lib/switchyard/busybox sh
# Called by udhcpc with the lease in its environment.
bb=/usr/lib/switchyard/busybox
case $1 in
  deconfig)
    $bb ip link set "$interface" up
    $bb ip -4 addr flush dev "$interface"
    ;;
  bound | renew)
    $bb ip addr replace "$ip/$mask" dev "$interface"
    for first in $router; do
      $bb ip route replace default via "$first" dev "$interface"
      # The host asks once a second who has the address that it wants to connect to; who asks it is known to it.
      $bb arping -q -c 1 -I "$interface" "$first" > /dev/null 2>&1 &
      break
    done
    {
      [ -z "$domain" ] || echo "search $domain"
      for server in $dns; do echo "nameserver $server"; done
    } > /etc/resolv.conf
    ;;
esac
`;

export const growUnit = `[Unit]
Description=Switchyard: the root file system takes the whole disk
# Who makes the machine waits for it, before anything large comes in, and not for the rest of the system.
DefaultDependencies=no
ConditionPathExists=!/etc/switchyard/grown
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
ExecStart=/usr/lib/switchyard/grow
`;

export const growScript = `#!/bin/sh
set -eu
echo ', +' | sfdisk --no-reread --no-tell-kernel --force --quiet -N 2 /dev/vda
partx --update --nr 2 /dev/vda
resize2fs /dev/vda2
: > /etc/switchyard/grown
`;
