import { pidFiles } from './wayIn.ts';

/** Programs and configuration that a machine has with every init system. Every text is a constant. */

/**
 * sshd of its own, with its own configuration: whatever the image configured for itself stays untouched.
 * Without PAM (which OpenSSH uses only where it is told to), because a container's exec knows no PAM either: no session, no limits, no message of the
 * day; and a session opens without waiting for D-Bus. Clients may set variables as they may in a container:
 * whoever is let in has a shell anyway, and what the config sets (`SetEnv`) goes before it. A socket that an
 * earlier forward left is nobody's, and not in the next one's way.
 */
export const sshdConfig = `Port 22
PidFile ${pidFiles.sshd}
HostKey /etc/switchyard/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys /etc/switchyard/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
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

export const growScript = `#!/bin/sh
set -eu
echo ', +' | sfdisk --no-reread --no-tell-kernel --force --quiet -N 2 /dev/vda
partx --update --nr 2 /dev/vda
resize2fs /dev/vda2
: > /etc/switchyard/grown
`;
