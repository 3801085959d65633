import type { Acceleration } from './acceleration.ts';
import type { DirectBoot } from './image/directBoot.ts';
import type { MachineNetwork } from './network.ts';

/** What a generated Vagrantfile says. */
export interface VagrantfileInput {
  readonly box: string;
  /** Undefined: the newest that there is. */
  readonly version?: string | undefined;
  readonly domainPrefix: string;
  readonly machine: string;
  /**
   * How to log in; undefined: as the box says, and Vagrant gives it a key of its own. As root, Vagrant does without
   * sudo, which an image need not have.
   */
  readonly login?: { readonly user: string; readonly privateKeyFile: string };
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly acceleration: Acceleration['type'];
  /** Undefined: QEMU's user-mode network, which needs no rights and gives the machine no address from outside. */
  readonly network: MachineNetwork | undefined;
  /** Kernel and initial RAM disk for a start without firmware and boot loader. */
  readonly directBoot?: DirectBoot | undefined;
  /** The libvirt that is to run it. */
  readonly uri: string;
  /** Where libvirt writes what the machine prints on its serial console; undefined where nobody could read it. */
  readonly consoleFile: string | undefined;
  /** How long Vagrant waits for SSH at the first boot. */
  readonly bootSeconds: number;
}

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** A Ruby string literal that is exactly this text: in single quotes only `\` and `'` mean something. */
export function rubyString(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}

/**
 * The project's Vagrantfile. It lies outside the workspace, which a guest can write: Vagrant runs it as
 * Ruby on the host.
 * @see https://vagrant-libvirt.github.io/vagrant-libvirt/configuration.html
 */
export function vagrantfile(input: VagrantfileInput): string {
  const accelerated = input.acceleration === 'kvm';
  const { login } = input;
  return `# Written by Switchyard at every start; changes are lost.
${input.network ? '' : unwaiting}Vagrant.configure('2') do |config|
  config.vm.define ${rubyString(input.machine)}
  config.vm.box = ${rubyString(input.box)}
${input.version === undefined ? '' : `  config.vm.box_version = ${rubyString(input.version)}\n`}  config.vm.box_check_update = false
  config.vm.guest = :linux
  config.vm.boot_timeout = ${input.bootSeconds}
  config.vm.allow_fstab_modification = false
  config.vm.allow_hosts_modification = false
  config.vm.synced_folder '.', '/vagrant', disabled: true
${
  login === undefined
    ? ''
    : `  config.ssh.username = ${rubyString(login.user)}
  config.ssh.private_key_path = ${rubyString(login.privateKeyFile)}
  config.ssh.insert_key = false
${login.user === 'root' ? "  config.ssh.sudo_command = '%c'\n" : ''}`
}  config.ssh.shell = 'sh'
  config.vm.provider :libvirt do |libvirt|
    libvirt.uri = ${rubyString(input.uri)}
    libvirt.default_prefix = ${rubyString(input.domainPrefix)}
    libvirt.driver = ${accelerated ? "'kvm'" : "'qemu'"}
    libvirt.cpu_mode = ${accelerated ? "'host-passthrough'" : "'custom'"}
${accelerated ? '' : processorLines()}    libvirt.cpus = ${input.cpus}
    libvirt.memory = ${Math.ceil(input.memoryBytes / MiB)}
    libvirt.machine_virtual_size = ${Math.ceil(input.diskBytes / GiB)}
${input.directBoot ? bootLines(input.directBoot) : ''}    libvirt.suspend_mode = 'managedsave'
${input.network ? networkLines(input.network) : userNetworkLines(input.uri)}    libvirt.graphics_type = 'none'
    libvirt.video_type = 'none'
    libvirt.random model: 'random'
${input.consoleFile === undefined ? '' : `    libvirt.serial type: 'file', source: { path: ${rubyString(input.consoleFile)} }\n`}  end
${input.network ? '' : userNetwork}end
`;
}

/**
 * QEMU's own processor lacks what distributions build for by now (x86-64-v2), and AES, without which whatever goes
 * over SSH takes twice as long, and random numbers, without which nobody logs in before another device brings some.
 * @see https://gitlab.com/x86-psABIs/x86-64-ABI (microarchitecture levels)
 */
const softwareFeatures = ['ssse3', 'sse4.1', 'sse4.2', 'popcnt', 'aes', 'pclmuldq', 'rdrand'];

function processorLines(): string {
  const features = softwareFeatures.map(
    (name) => `    libvirt.cpu_feature name: ${rubyString(name)}, policy: 'require'\n`,
  );
  return `    libvirt.cpu_model = 'qemu64'\n${features.join('')}`;
}

function networkLines({ name, subnet }: MachineNetwork): string {
  return `    libvirt.management_network_name = ${rubyString(name)}
    libvirt.management_network_address = ${rubyString(subnet)}
    libvirt.management_network_keep = true
`;
}

/**
 * Without the network that Vagrant's provider makes, or expects of an administrator in a session. It looks for leases
 * in the libvirt of the system, which may not be there: it finds none in the session's.
 */
function userNetworkLines(uri: string): string {
  return `    libvirt.mgmt_attach = false
    libvirt.system_uri = ${rubyString(uri)}
`;
}

/**
 * The provider has no word of its own for it, and writes the type as it stands. With a port group it asks for no device
 * of this computer; libvirt drops the group of a network that has none.
 */
const userNetwork = `  config.vm.communicator = 'switchyard'
  config.vm.network :public_network, type: 'user', portgroup: 'none', auto_config: false
`;

/**
 * Vagrant would wait for SSH at an address that such a machine has not, and has nothing to do inside: it makes the
 * machine and starts it, and that is all.
 * @see https://developer.hashicorp.com/vagrant/docs/plugins/development-basics
 */
const unwaiting = `module Switchyard
  class Communicator < Vagrant.plugin('2', :communicator)
    def self.match?(_machine)
      true
    end

    def initialize(_machine); end

    def ready?
      true
    end

    # Vagrant watches the machine's state beside this, and takes a watcher that has not begun for one that saw trouble.
    def wait_for_ready(_seconds)
      50.times do
        break if Thread.list.any? { |thread| thread.key?(:last_known_state) }
        sleep 0.1
      end
      true
    end
  end

  class Plugin < Vagrant.plugin('2')
    name 'switchyard'
    communicator('switchyard') { Communicator }
  end
end

`;

function bootLines({ kernel, initrd, commandLine }: DirectBoot): string {
  return `    libvirt.kernel = ${rubyString(kernel)}
    libvirt.initrd = ${rubyString(initrd)}
    libvirt.cmd_line = ${rubyString(commandLine)}
`;
}
