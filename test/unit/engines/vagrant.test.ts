import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CommandFailed } from '../../../src/base/process.ts';
import {
  errorExit,
  isLocked,
  parseMessage,
  spokenLines,
  vagrantCommands,
  vagrantError,
} from '../../../src/engines/vagrant.ts';
import { isProjectGone, parseMachineIndex } from '../../../src/engines/vagrantIndex.ts';

/** Recorded from Vagrant 2.3.4 with vagrant-libvirt 0.11.2. */
const recorded = {
  plugins: `1795289498,,ui,info,vagrant-libvirt (0.11.2%!(VAGRANT_COMMA) system)
1795289498,,plugin-name,vagrant-libvirt
1795289498,vagrant-libvirt,plugin-version,0.11.2%!(VAGRANT_COMMA) system
`,
  ui: '1795289118,vm,ui,info,==> vm: Created volume larger than box defaults%!(VAGRANT_COMMA) will require manual resizing of\\n==> vm: filesystems to utilize.',
  box: "1795289113,box,ui,success,==> box: Successfully added box 'switchyard/proto0000001' (v0) for 'libvirt'!",
  locked:
    "1795294021,,error-exit,Vagrant::Errors::MachineActionLockedError,An action 'halt' was attempted on the machine 'vm'%!(VAGRANT_COMMA)\\nbut another process is already executing an action on the machine.\n",
  index: `{"version":1,"machines":{"efb66fba5af94d42a23594b1c536db73":{"local_data_path":"/p1/dot","name":"vm","provider":"libvirt","state":"running","vagrantfile_name":null,"vagrantfile_path":"/p1","updated_at":null,"extra_data":{"box":{"name":"switchyard/proto0000001","provider":"libvirt","version":"0"}}}}}`,
};

function failed(stdout: string, stderr = ''): CommandFailed {
  return new CommandFailed({ program: 'vagrant', args: ['up'], reason: 'exit', exitCode: 1, stdout, stderr });
}

describe('machine-readable output', () => {
  it('gives commas and newlines back', () => {
    expect(parseMessage(recorded.ui)).toEqual({
      timestamp: 1795289118,
      target: 'vm',
      type: 'ui',
      data: [
        'info',
        '==> vm: Created volume larger than box defaults, will require manual resizing of\n==> vm: filesystems to utilize.',
      ],
    });
  });

  it('is spoken without decoration, and what is no message passes as it is', () => {
    expect(spokenLines(recorded.ui)).toEqual([
      'Created volume larger than box defaults, will require manual resizing of',
      'filesystems to utilize.',
    ]);
    expect(spokenLines(recorded.box)).toEqual([
      "Successfully added box 'switchyard/proto0000001' (v0) for 'libvirt'!",
    ]);
    expect(spokenLines('1795289116,vm,action,up,start')).toEqual([]);
    expect(spokenLines('a warning of Ruby')).toEqual(['a warning of Ruby']);
  });

  it('names the plugins with their versions', () => {
    expect([...vagrantCommands.plugins().parse(recorded.plugins)]).toEqual([['vagrant-libvirt', '0.11.2']]);
  });
});

describe('calls', () => {
  it('never call home, and say where the machine lies', () => {
    const command = vagrantCommands.up({ cwd: '/a b', dotfilePath: '/a b/vagrant' }, 'vm', 'libvirt');
    expect(command.args).toEqual(['--machine-readable', 'up', '--provider', 'libvirt', 'vm']);
    expect(command.env).toEqual({
      VAGRANT_CHECKPOINT_DISABLE: '1',
      VAGRANT_BOX_UPDATE_CHECK_DISABLE: '1',
      VAGRANT_NO_COLOR: '1',
      VAGRANT_CWD: '/a b',
      VAGRANT_DOTFILE_PATH: '/a b/vagrant',
    });
  });
});

describe('errors', () => {
  it('are told apart by class', () => {
    const locked = failed(recorded.locked);
    expect(errorExit(locked.stdout)?.name).toBe('Vagrant::Errors::MachineActionLockedError');
    expect(isLocked(locked)).toBe(true);
    expect(vagrantError(locked, 'W')).toMatchObject({ code: 'vagrant.locked' });
    expect(isLocked(failed('1,vm,error-exit,Vagrant::Errors::VMBootTimeout,Timed out\n'))).toBe(false);
  });

  it('say what is missing', () => {
    const missing = new CommandFailed({ program: 'vagrant', args: [], reason: 'notFound' });
    expect(vagrantError(missing, 'W')).toMatchObject({ code: 'vagrant.missing', what: 'W' });
    const plugin = failed(
      '1,,error-exit,Vagrant::Errors::ProviderNotFound,The provider libvirt could not be found\n',
    );
    expect(vagrantError(plugin, 'W')).toMatchObject({
      code: 'vagrant.missing',
      why: 'Vagrant has no libvirt plugin.',
    });
    expect(vagrantError(failed('', 'cannot write: No space left on device'), 'W')).toMatchObject({
      code: 'disk.full',
    });
  });

  it('of a plugin that crashed say its message, not its callers', () => {
    const crashed = [
      "/usr/lib/ruby/vendor_ruby/fog/libvirt/requests/compute/create_domain.rb:8:in `define_domain_xml': Call to virDomainDefineXML failed: invalid argument (Libvirt::DefinitionError)",
      "\tfrom /usr/lib/ruby/vendor_ruby/fog/libvirt/requests/compute/create_domain.rb:8:in `create_domain'",
      "\tfrom /usr/share/rubygems-integration/all/gems/vagrant-2.3.4/lib/vagrant/machine.rb:217:in `block in action'",
    ].join('\n');
    expect(vagrantError(failed('', crashed), 'W')).toMatchObject({
      why: 'Call to virDomainDefineXML failed: invalid argument (Libvirt::DefinitionError)',
    });
  });

  it('of libvirt that come through the plugin are told as libvirt’s', () => {
    const deaf = failed(
      '',
      "/usr/lib/ruby/vendor_ruby/fog/libvirt/requests/compute/vm_action.rb:7:in `create': Call to virDomainCreateWithFlags failed: Failed to connect socket to '/run/libvirt/virtlogd-sock': Connection refused (Libvirt::Error)",
    );
    expect(vagrantError(deaf, 'W')).toMatchObject({
      code: 'libvirt.notRunning',
      what: 'W',
      next: 'Start it (sudo systemctl start virtlogd) and try again.',
    });
  });

  it('leave other errors as they are', () => {
    const other = new Error('x');
    expect(vagrantError(other, 'W')).toBe(other);
  });
});

describe('the machine index', () => {
  it('gives machines with their folders', () => {
    expect(parseMachineIndex(recorded.index)).toEqual([
      {
        id: 'efb66fba5af94d42a23594b1c536db73',
        name: 'vm',
        provider: 'libvirt',
        state: 'running',
        vagrantfilePath: '/p1',
        localDataPath: '/p1/dot',
      },
    ]);
  });

  it('tells machines whose project is gone', async () => {
    const [machine] = parseMachineIndex(recorded.index);
    if (!machine) throw new Error('The recorded index is empty.');
    const folder = await mkdtemp(path.join(tmpdir(), 'switchyard-index-'));
    try {
      expect(await isProjectGone({ ...machine, vagrantfilePath: folder })).toBe(false);
      expect(await isProjectGone({ ...machine, vagrantfilePath: path.join(folder, 'gone') })).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is empty where there is nothing, and leaves out what is incomplete', () => {
    expect(parseMachineIndex('')).toEqual([]);
    expect(parseMachineIndex('{"machines":{"a":{"name":"x"},"b":null}}')).toEqual([]);
  });
});
