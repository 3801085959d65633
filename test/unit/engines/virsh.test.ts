import { describe, expect, it } from 'vitest';
import { CommandFailed } from '../../../src/base/process.ts';
import { virshCommands } from '../../../src/engines/virsh.ts';
import {
  parseAddresses,
  parseDomainInfo,
  parseDomainStats,
  parseEvent,
  parseNetworks,
} from '../../../src/engines/virshAnswers.ts';
import { isNoDomain, virshError } from '../../../src/engines/virshErrors.ts';

/** Recorded from libvirt 9.0.0. */
const recorded = {
  running: `Id:             1
Name:           switchyard-proto-vm
UUID:           c0853ac8-81e9-4938-af1b-dee8f80a80fd
OS Type:        hvm
State:          running
CPU(s):         2
CPU time:       52.9s
Max memory:     1048576 KiB
Used memory:    1048576 KiB
Persistent:     yes
Autostart:      disable
Managed save:   no
Security model: none
Security DOI:   0
`,
  saved: `Id:             -
Name:           switchyard-proto-vm
UUID:           c0853ac8-81e9-4938-af1b-dee8f80a80fd
State:          shut off
Managed save:   yes
`,
  stats: `Domain: 'switchyard-proto-vm'
  state.state=1
  state.reason=1
  cpu.time=52862747000
  cpu.user=49457696000
  balloon.current=1048576
  balloon.maximum=1048576
  balloon.unused=957048
  balloon.available=996364
  balloon.usable=890272
  balloon.last-update=1795289139
  balloon.rss=581120
  vcpu.current=2
  vcpu.maximum=2
  vcpu.0.time=26560000000
  block.count=1
  block.0.name=vda
  block.0.allocation=67043328
  block.0.capacity=8589934592
  block.0.physical=66990080
`,
  addresses: ' vnet0      52:54:00:35:18:2c    ipv4         192.168.121.62/24\n',
  event: "2026-11-21 19:26:39.993+0000: event 'lifecycle' for domain 'switchyard-proto-vm': Stopped Saved",
  jobEvent: "2026-11-21 19:26:37.654+0000: event 'job-completed' for domain 'switchyard-proto-vm':",
  networks: ` default           active   no          yes
 vagrant-libvirt   inactive   no          yes
`,
  volumes: ` switchyard-proto-vm.img                                                       /var/lib/libvirt/images/switchyard-proto-vm.img
 switchyard-VAGRANTSLASH-proto0000001_vagrant_box_image_0_1795289113_box.img   /var/lib/libvirt/images/switchyard-VAGRANTSLASH-proto0000001_vagrant_box_image_0_1795289113_box.img
`,
};

function failed(stderr: string): CommandFailed {
  return new CommandFailed({ program: 'virsh', args: [], reason: 'exit', exitCode: 1, stderr });
}

describe('what virsh prints', () => {
  it('tells a running domain, and its run, from one whose memory is on disk', () => {
    const uuid = 'c0853ac8-81e9-4938-af1b-dee8f80a80fd';
    expect(parseDomainInfo(recorded.running)).toEqual({
      uuid,
      state: 'running',
      managedSave: false,
      run: '1',
    });
    expect(parseDomainInfo(recorded.saved)).toEqual({
      uuid,
      state: 'shut off',
      managedSave: true,
      run: undefined,
    });
    expect(() => parseDomainInfo('')).toThrow('no UUID');
  });

  it('gives figures in bytes', () => {
    expect(parseDomainStats(recorded.stats)).toEqual({
      cpuTimeNs: 52862747000,
      cpus: 2,
      memoryBytes: (996364 - 890272) * 1024,
      memoryLimitBytes: 1048576 * 1024,
      diskBytes: 66990080,
    });
  });

  it('counts what QEMU takes where the guest tells nothing', () => {
    const silent = recorded.stats.replaceAll(/ {2}balloon\.(unused|usable|available).*\n/g, '');
    expect(parseDomainStats(silent).memoryBytes).toBe(581120 * 1024);
  });

  it('gives addresses, networks and volumes', () => {
    expect(parseAddresses(recorded.addresses)).toEqual(['192.168.121.62']);
    expect(parseAddresses('')).toEqual([]);
    expect([...parseNetworks(recorded.networks)]).toEqual([
      ['default', true],
      ['vagrant-libvirt', false],
    ]);
    expect(virshCommands.volumes('default').parse(recorded.volumes)).toEqual([
      'switchyard-proto-vm.img',
      'switchyard-VAGRANTSLASH-proto0000001_vagrant_box_image_0_1795289113_box.img',
    ]);
  });

  it('tells events with their time', () => {
    expect(parseEvent(recorded.event)).toEqual({
      event: 'lifecycle',
      domain: 'switchyard-proto-vm',
      detail: 'Stopped Saved',
      at: new Date('2026-11-21T19:26:39.993Z'),
    });
    expect(parseEvent(recorded.jobEvent)?.event).toBe('job-completed');
    expect(parseEvent('\toperation: 2')).toBeUndefined();
  });
});

describe('errors', () => {
  it('tell a domain that is not there', () => {
    expect(isNoDomain(failed("error: failed to get domain 'nonexist'"))).toBe(true);
    expect(isNoDomain(failed('error: failed to connect to the hypervisor'))).toBe(false);
  });

  it.each([
    [
      "error: failed to connect to the hypervisor\nerror: Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory",
      'libvirt.notRunning',
    ],
    [
      "error: failed to connect to the hypervisor\nerror: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied",
      'libvirt.permission',
    ],
    [
      'error: failed to connect to the hypervisor\nerror: authentication unavailable: no polkit agent available to authenticate action',
      'libvirt.permission',
    ],
    ['error: something else', 'libvirt.failed'],
  ])('%s', (stderr, code) => {
    expect(virshError(failed(stderr), 'W')).toMatchObject({ code, what: 'W' });
  });

  it.each([
    ['Host key verification failed.', 'ssh.hostKey', 'is not known yet'],
    [
      'REMOTE HOST IDENTIFICATION HAS CHANGED!\nThe fingerprint is\nSHA256:abc/+9.\nHost key verification failed.',
      'ssh.hostKey',
      'it is now SHA256:abc/+9.',
    ],
    ['me@far: Permission denied (publickey).', 'libvirt.permission', 'does not let you in'],
    [
      'ssh: connect to host far port 22: Connection refused',
      'libvirt.notRunning',
      'was not reached: ssh: connect',
    ],
  ])('say what ssh said on the way to another computer: %s', (said, code, why) => {
    const stderr = `error: failed to connect to the hypervisor\nerror: Cannot recv data: ${said}: Connection reset by peer\n`;
    const args = ['--quiet', '--connect', 'qemu+ssh://me@far/system?no_tty=1', 'pool-list'];
    const error = virshError(
      new CommandFailed({ program: 'virsh', args, reason: 'exit', exitCode: 1, stderr }),
      'W',
    );
    expect(error).toMatchObject({ code, what: 'W' });
    expect((error as Error).message).toContain(why);
    expect((error as Error).message).toContain('qemu+ssh://me@far/system');
  });

  it('say that libvirt is not there', () => {
    const missing = new CommandFailed({ program: 'virsh', args: [], reason: 'notFound' });
    expect(virshError(missing, 'W')).toMatchObject({ code: 'libvirt.missing' });
  });
});
