import type { Acceleration } from '../acceleration.ts';
import { dhcpCommand, restScript, sshdCommand, type InitSystem } from './initSystem.ts';
import type { TarFile } from './tar.ts';
import { keep, keepScript, pidFiles, wayIn, wayInScript } from './wayIn.ts';

/**
 * What starts in a machine by systemd: the rest of the system, after the way in (network, sshd), which is there before
 * systemd and which it takes over then. Every text is a constant: values come into a guest only as whole files.
 */
export const systemd: InitSystem = {
  name: 'systemd',
  kernelOptions: ['systemd.show_status=true', 'systemd.unit=switchyard.target'],
  sshdOptions: ['UsePAM no'],
  arrange: String.raw`
mkdir -p etc/systemd/system etc/systemd/system-generators
ln -sfn /usr/lib/systemd/system/multi-user.target etc/systemd/system/default.target
[ -e usr/lib/systemd/system/multi-user.target ] ||
  ln -sfn /lib/systemd/system/multi-user.target etc/systemd/system/default.target
while read -r unit; do ln -sfn /dev/null "etc/systemd/system/$unit"; done < /in/masked
while read -r name; do ln -sfn /dev/null "etc/systemd/system-generators/$name"; done < /in/generators
wants() {
  mkdir -p "etc/systemd/system/$1.wants"
  ln -sfn "/etc/systemd/system/$2" "etc/systemd/system/$1.wants/$2"
}
wants sysinit.target switchyard-network.service
wants sysinit.target switchyard-sshd.service
wants multi-user.target switchyard-grow.service
# An empty one is filled at the first boot, so that no two machines share it.
: > etc/machine-id
rm -f var/lib/dbus/machine-id
`,
  files: (acceleration) => {
    const unit = (name: string, content: string): TarFile => ({
      path: `in/root/etc/systemd/system/${name}`,
      mode: 0o644,
      content,
    });
    return [
      unit('switchyard.target', firstTarget),
      unit('switchyard-rest.service', restUnit),
      unit('switchyard-sshd.service', sshdUnit(acceleration)),
      unit('switchyard-network.service', networkUnit),
      unit('switchyard-grow.service', growUnit),
      {
        path: 'in/root/usr/lib/switchyard/rest',
        mode: 0o755,
        content: restScript('exec systemctl --no-block start default.target'),
      },
      {
        path: `in/root/${wayIn}`,
        mode: 0o755,
        content: wayInScript({ network: dhcpCommand, sshd: sshdCommand(acceleration) }),
      },
      { path: `in/root/${keep}`, mode: 0o755, content: keepScript },
      { path: 'in/root/etc/tmpfiles.d/tmp.conf', mode: 0o644, content: tmpfiles },
      { path: 'in/generators', mode: 0o644, content: `${noGenerators.join('\n')}\n` },
      { path: 'in/masked', mode: 0o644, content: `${masked.join('\n')}\n` },
    ];
  },
};

/** Where the boot begins: whoever is on the way in goes first. The system's own target follows. */
const firstTarget = `[Unit]
Description=Switchyard: the way in
DefaultDependencies=no
Wants=switchyard-rest.service
AllowIsolate=yes
`;

const restUnit = `[Unit]
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

function sshdUnit(acceleration: Acceleration['type']): string {
  return `[Unit]
Description=Switchyard SSH server
# The root file system is there and can be written before systemd is: nothing needs to be waited for.
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=forking
PIDFile=${pidFiles.sshd}
# While the machine boots, whoever logs in comes first.
StartupCPUWeight=1000
StandardOutput=null
# The journal is not there yet.
StandardError=kmsg
ExecStart=/${keep} ${pidFiles.sshd} ${sshdCommand(acceleration)}
ExecReload=/bin/kill -HUP $MAINPID
RuntimeDirectory=sshd
RuntimeDirectoryMode=0755
KillMode=process
Restart=always
RestartSec=1
`;
}

const networkUnit = `[Unit]
Description=Switchyard network (DHCP on eth0)
DefaultDependencies=no
Wants=network.target
Before=network.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=forking
PIDFile=${pidFiles.network}
StandardOutput=null
StandardError=kmsg
ExecStart=/${keep} ${pidFiles.network} ${dhcpCommand}
Restart=always
RestartSec=1
`;

const growUnit = `[Unit]
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

/** Units that a machine for development never needs, and that cost time at boot or wake it up later. */
const masked = [
  ...['ssh.service', 'ssh.socket', 'sshd.service'],
  ...['systemd-networkd.service', 'systemd-networkd.socket', 'systemd-networkd-wait-online.service'],
  ...['networking.service', 'ifup@eth0.service', 'systemd-timesyncd.service'],
  ...['getty.target', 'getty-static.service', 'console-getty.service'],
  ...['serial-getty@ttyS0.service', 'getty@tty1.service'],
  ...['NetworkManager.service', 'NetworkManager-wait-online.service', 'sshd.socket', 'sshd-keygen.target'],
  ...['dnf-makecache.timer', 'systemd-firstboot.service', 'systemd-oomd.service', 'systemd-oomd.socket'],
  ...['systemd-homed.service', 'systemd-userdbd.socket', 'systemd-vconsole-setup.service'],
  ...['e2scrub_reap.service', 'e2scrub_all.timer', 'fstrim.timer', 'dpkg-db-backup.timer'],
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'motd-news.timer', 'man-db.timer'],
  ...['systemd-remount-fs.service', 'systemd-sysusers.service', 'systemd-machine-id-commit.service'],
  ...['systemd-pstore.service', 'systemd-journal-flush.service', 'systemd-binfmt.service'],
  ...['systemd-update-utmp.service', 'systemd-update-utmp-runlevel.service'],
  ...['dev-hugepages.mount', 'sys-kernel-debug.mount', 'sys-kernel-tracing.mount'],
  ...['modprobe@configfs.service', 'modprobe@dm_mod.service', 'modprobe@drm.service'],
  ...['modprobe@efi_pstore.service', 'modprobe@fuse.service', 'modprobe@loop.service'],
];

/**
 * Programs that systemd runs before anything else, one after the other, to find out what such a machine has
 * not: encrypted or verified disks, other partitions, a boot loader that counts, consoles to log in at. In
 * software emulation they take longer than the kernel does.
 */
const noGenerators = [
  ...['systemd-bless-boot-generator', 'systemd-cryptsetup-generator', 'systemd-debug-generator'],
  ...['systemd-getty-generator', 'systemd-gpt-auto-generator', 'systemd-hibernate-resume-generator'],
  ...['systemd-integritysetup-generator', 'systemd-run-generator', 'systemd-system-update-generator'],
  'systemd-veritysetup-generator',
];

/**
 * A terminal may be open before systemd comes to /tmp, so what is there stays: as in a container, where no
 * start clears it either.
 */
const tmpfiles = 'd /tmp 1777 root root -\n';
