import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseAcceleration, hasVirtualisation } from '../../../../src/environments/vm/acceleration.ts';
import {
  guestEnvironment,
  hostName,
  remoteUserOf,
  sshdSetEnv,
  withUserEnv,
} from '../../../../src/environments/vm/guestSetup.ts';
import { ignoredProperties } from '../../../../src/environments/properties.ts';
import { bootFailure, noAnswer } from '../../../../src/environments/vm/bootFailure.ts';
import { rubyString, vagrantfile } from '../../../../src/environments/vm/vagrantfile.ts';
import { SwitchyardError } from '../../../../src/base/errors.ts';

const image = { env: ['PATH=/opt/x:/bin', 'GREETING=hello world', 'EQ=a=b'], user: 'app:app' };

describe('the environment of the guest', () => {
  it('is the image’s ENV, then containerEnv, then remoteEnv', () => {
    const merged = {
      containerEnv: { GREETING: 'hi', C: 'c' },
      remoteEnv: {
        PATH: '/r:${containerEnv:PATH}',
        D: '${containerEnv:NONE:dflt}',
        N: '${containerEnv:NONE}',
        C: null,
      },
    };
    expect(guestEnvironment(merged, image)).toEqual({
      PATH: '/r:/opt/x:/bin',
      GREETING: 'hi',
      EQ: 'a=b',
      D: 'dflt',
      N: '',
    });
  });

  it('has what the user’s shell sets up under remoteEnv, which takes away too', () => {
    const env = guestEnvironment({ remoteEnv: { R: 'remote', GREETING: null } }, image);
    const userEnv = {
      ...env,
      PATH: '/nvm:/opt/x:/bin',
      R: 'shell',
      GREETING: 'shell',
      S: 'shell',
      HOME: '/home/dev',
    };
    expect(withUserEnv(env, userEnv, { R: 'remote', GREETING: null })).toEqual({
      PATH: '/nvm:/opt/x:/bin',
      EQ: 'a=b',
      R: 'remote',
      S: 'shell',
    });
  });

  it('is substituted once: what refers to itself, or in a circle, stays as it is', () => {
    const merged = {
      containerEnv: { A: '${containerEnv:B}', B: '${containerEnv:A}', C: '${containerEnv:C}' },
      remoteEnv: {
        ONE: '${containerEnv:A}',
        TWO: '${containerEnv:TWO}',
        THREE: '${containerEnv:C}',
        FOUR: '${containerEnv:}${containerEnv}${nothing:A}',
      },
    };
    expect(guestEnvironment(merged, image)).toMatchObject({
      A: '${containerEnv:B}',
      ONE: '${containerEnv:B}',
      TWO: '',
      THREE: '${containerEnv:C}',
      FOUR: '${containerEnv:}${containerEnv}${nothing:A}',
    });
  });

  it('has Docker’s PATH where the image says nothing', () => {
    expect(guestEnvironment({}, { env: [], user: '' })['PATH']).toContain('/usr/local/sbin:');
  });

  it('is written for sshd only as far as sshd can read it', () => {
    expect(sshdSetEnv({ A: 'b c', B: 'say "x"', C: 'two\nlines', 'D-E': 'x' })).toBe('SetEnv "A=b c"');
    expect(sshdSetEnv({})).toBe('');
  });

  it('has the user of the container', () => {
    expect(remoteUserOf({ remoteUser: 'dev', containerUser: 'x' }, image)).toBe('dev');
    expect(remoteUserOf({ containerUser: 'x' }, image)).toBe('x');
    expect(remoteUserOf({}, image)).toBe('app');
    expect(remoteUserOf({}, { env: [], user: '' })).toBe('root');
  });

  it('has a host name that every program takes', () => {
    expect(hostName('My API (v2)')).toBe('my-api-v2');
    expect(hostName('日本')).toBe('vm');
    fc.assert(fc.property(fc.string(), (name) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(hostName(name))));
  });
});

describe('the Vagrantfile', () => {
  it('takes any text as one Ruby string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (value) => {
        // Between single quotes Ruby knows two escapes, and ends at the first quote without one.
        const literal = /^'((?:\\[\\']|[^\\'])*)'$/s.exec(rubyString(value));
        expect(literal?.[1]?.replaceAll(/\\([\\'])/g, '$1')).toBe(value);
      }),
    );
  });

  it('says what the config says', () => {
    const text = vagrantfile({
      box: 'switchyard/abc',
      domainPrefix: 'switchyard-1-',
      machine: 'vm',
      login: { user: 'root', privateKeyFile: "/it's/key" },
      cpus: 3,
      memoryBytes: 1.5 * 2 ** 30,
      diskBytes: 8 * 2 ** 30,
      acceleration: 'tcg',
      network: { name: 'switchyard', subnet: '192.168.243.0/24' },
      uri: 'qemu+ssh://me@far/system?no_tty=1',
      consoleFile: '/c',
      bootSeconds: 300,
      directBoot: { kernel: "/it's", initrd: '/initrd', commandLine: 'quiet a=b' },
    });
    expect(text).toContain("config.ssh.private_key_path = '/it\\'s/key'");
    expect(text).toContain("libvirt.kernel = '/it\\'s'\n");
    expect(text).toContain("libvirt.cmd_line = 'quiet a=b'\n");
    expect(text).toContain("libvirt.uri = 'qemu+ssh://me@far/system?no_tty=1'\n");
    expect(text).toContain('libvirt.cpus = 3\n');
    expect(text).toContain('libvirt.memory = 1536\n');
    expect(text).toContain('libvirt.machine_virtual_size = 8\n');
    expect(text).toContain("libvirt.driver = 'qemu'");
    expect(text).toContain("libvirt.cpu_feature name: 'aes', policy: 'require'\n");
    expect(text).toContain("libvirt.management_network_address = '192.168.243.0/24'");
    expect(text).toContain("config.vm.synced_folder '.', '/vagrant', disabled: true");
  });
});

describe('the Vagrantfile of a session', () => {
  const text = vagrantfile({
    box: 'switchyard/abc',
    domainPrefix: 'switchyard-1-',
    machine: 'vm',
    cpus: 1,
    memoryBytes: 2 ** 30,
    diskBytes: 2 ** 33,
    acceleration: 'kvm',
    network: undefined,
    uri: 'qemu:///session',
    consoleFile: '/c',
    bootSeconds: 300,
  });

  it('asks for no network of libvirt, and for no lease of the system’s', () => {
    expect(text).not.toContain('management_network');
    expect(text).toContain('libvirt.mgmt_attach = false\n');
    expect(text).toContain("libvirt.system_uri = 'qemu:///session'\n");
    expect(text).toContain("config.vm.network :public_network, type: 'user'");
  });

  it('lets nobody wait for SSH at an address that there is not', () => {
    expect(text).toContain("config.vm.communicator = 'switchyard'\n");
    // Else Vagrant now and then says that a machine which runs entered an invalid state.
    expect(text).toContain('thread.key?(:last_known_state)');
    expect(text.indexOf("communicator('switchyard')")).toBeLessThan(text.indexOf('Vagrant.configure'));
  });
});

describe('acceleration', () => {
  const usable = { processor: true, device: 'usable' } as const;
  const useless = { processor: false, device: 'usable' } as const;

  it('trusts the processor and not the mere presence of /dev/kvm', () => {
    expect(chooseAcceleration('auto', usable).type).toBe('kvm');
    expect(chooseAcceleration('auto', useless)).toEqual({
      type: 'tcg',
      reason: 'The processor offers no hardware virtualisation (neither vmx nor svm).',
    });
    expect(chooseAcceleration('auto', { processor: true, device: 'missing' }).type).toBe('tcg');
    expect(chooseAcceleration('tcg', usable).type).toBe('tcg');
  });

  it('does without what a person may not open where QEMU runs as that person', () => {
    const denied = { processor: true, device: 'denied' } as const;
    expect(chooseAcceleration('auto', denied).type).toBe('kvm');
    expect(chooseAcceleration('auto', { ...denied, asPerson: true })).toMatchObject({
      type: 'tcg',
      reason: expect.stringContaining('group kvm') as string,
    });
    expect(chooseAcceleration('auto', { ...usable, asPerson: true }).type).toBe('kvm');
  });

  it('refuses what the config insists on and is not there', () => {
    expect(() => chooseAcceleration('kvm', useless)).toThrow(
      expect.objectContaining({ code: 'config.unsupported' }) as Error,
    );
  });

  it('reads the flags of /proc/cpuinfo as words', () => {
    expect(hasVirtualisation('flags\t\t: fpu vme svm sse\n')).toBe(true);
    expect(hasVirtualisation('flags\t\t: fpu vmxnet svm_lock\nmodel name\t: vmx\n')).toBe(false);
  });
});

describe('what goes wrong at boot', () => {
  const vagrant = (why: string): SwitchyardError =>
    new SwitchyardError({ code: 'vagrant.failed', what: '', why, next: '' });

  it('is told with the console', () => {
    const error = bootFailure(
      vagrant('Timed out while waiting for the machine to boot.'),
      'a\nKernel panic - not syncing',
    );
    expect(error).toMatchObject({ code: 'vm.noSsh' });
    expect((error as SwitchyardError).why).toContain('Kernel panic');
    expect(noAnswer('address', '').why).toContain('printed nothing');
  });

  it('leaves other failures as they are', () => {
    const other = vagrant('Call to virDomainCreateWithFlags failed: out of memory');
    expect(bootFailure(other, '')).toBe(other);
  });
});

describe('ignored properties', () => {
  it('are listed with a reason where they are set', () => {
    expect(ignoredProperties('vm', { runArgs: ['--gpus'], privileged: false, mounts: [] })).toEqual([
      { property: 'runArgs', reason: expect.stringContaining('container engine') as string },
    ]);
  });
});
