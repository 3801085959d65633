import { describe, expect, it } from 'vitest';
import { CommandFailed } from '../../../src/base/process.ts';
import { parseSshConfig, parseStatus, vagrantCommands, vagrantError } from '../../../src/engines/vagrant.ts';
import { vagrantfileFault } from '../../../src/engines/vagrantSourceErrors.ts';

/** All of it recorded from Vagrant 2.3.4, shortened. */
const raised = `/home/dev/p/Vagrantfile:2:in \`block in <top (required)>': oh no, bad thing (RuntimeError)
	from /usr/share/rubygems-integration/all/gems/vagrant-2.3.4/lib/vagrant/config/v2/loader.rb:37:in \`load'
	from /usr/share/rubygems-integration/all/gems/vagrant-2.3.4/lib/vagrant/config/loader.rb:126:in \`block (2 levels) in load'
	from /usr/bin/vagrant:25:in \`<main>'
`;
const deeper = `/home/dev/p/lib/hosts.rb:7:in \`read': No such file (Errno::ENOENT)
	from /home/dev/p/lib/hosts.rb:3:in \`hosts'
	from /home/dev/p/Vagrantfile:12:in \`block in <top (required)>'
	from /usr/share/vagrant/lib/vagrant/config/v2/loader.rb:37:in \`load'
`;
const syntax = `Vagrant failed to initialize at a very early stage:

There is a syntax error in the following Vagrantfile. The syntax error
message is reproduced below for convenience:

/home/dev/p/Vagrantfile:3: syntax error, unexpected '='
  x = =
      ^
`;
const load = `Vagrant failed to initialize at a very early stage:

There was an error loading a Vagrantfile. The file being loaded
and the error message are shown below. This is usually caused by
a syntax error.

Path: /home/dev/p/Vagrantfile
Line number: 85
Message: LoadError: cannot load such file -- nope
`;

describe('a Vagrantfile that cannot be loaded', () => {
  it('is named with its line and what Ruby says', () => {
    const file = '/home/dev/p/Vagrantfile';
    expect(vagrantfileFault(raised)).toEqual({ file, line: 2, message: 'oh no, bad thing' });
    expect(vagrantfileFault(deeper)).toEqual({ file, line: 12, message: 'No such file' });
    expect(vagrantfileFault(syntax)).toEqual({ file, line: 3, message: "syntax error, unexpected '='" });
    expect(vagrantfileFault(load)).toEqual({
      file,
      line: undefined,
      message: 'LoadError: cannot load such file -- nope',
    });
    expect(vagrantfileFault('Something else went wrong.\n')).toBeUndefined();
  });

  it('becomes an error that opens it there', () => {
    const error = new CommandFailed({
      program: 'vagrant',
      args: [],
      reason: 'exit',
      exitCode: 1,
      stderr: raised,
    });
    expect(vagrantError(error, 'It failed.')).toMatchObject({
      code: 'config.invalid',
      why: '/home/dev/p/Vagrantfile cannot be loaded; line 2: oh no, bad thing.',
      remedies: [{ do: 'openFile', file: '/home/dev/p/Vagrantfile', line: 2 }, { do: 'showLog' }],
    });
  });
});

describe('a box', () => {
  it.each([
    ['Vagrant::Errors::BoxAddNoMatchingProvider', 'config.unsupported'],
    ['Vagrant::Errors::BoxAddShortNotFound', 'image.unavailable'],
    ['Vagrant::Errors::BoxAddNoMatchingVersion', 'image.unavailable'],
  ])('that Vagrant refuses with %s is told as such', (name, code) => {
    const stdout = `1795333874,,error-exit,${name},The box you're attempting to add\\nis not right\n`;
    const error = new CommandFailed({ program: 'vagrant', args: [], reason: 'exit', exitCode: 1, stdout });
    expect(vagrantError(error, 'It failed.')).toMatchObject({
      code,
      why: expect.stringContaining("The box you're attempting to add is not right") as string,
    });
  });
});

describe('what Vagrant says of the machines of a file', () => {
  it('is read in the order of the file', () => {
    const stdout = `1795333871,web,metadata,provider,docker
1795333871,db,metadata,provider,libvirt
1795333872,web,provider-name,docker
1795333872,web,state,running
1795333872,web,state-human-long,The container is created%!(VAGRANT_COMMA) and running.
1795333872,db,provider-name,libvirt
1795333872,db,state,not_created
1795333872,,ui,info,Current machine states
`;
    expect(parseStatus(stdout)).toEqual([
      { name: 'web', provider: 'docker', state: 'running' },
      { name: 'db', provider: 'libvirt', state: 'not_created' },
    ]);
  });

  it('is where its SSH server is', () => {
    const block = [
      'Host web',
      '  HostName 127.0.0.1',
      '  User vagrant',
      '  Port 2222',
      '  IdentityFile "/home/dev/my project/.vagrant/machines/web/docker/private_key"',
      '  IdentityFile /home/dev/.vagrant.d/insecure_private_key',
      '  LogLevel FATAL',
    ].join('\\n');
    expect(parseSshConfig(`1795333869,web,ssh-config,${block}\\n\n`)).toEqual({
      host: '127.0.0.1',
      port: 2222,
      user: 'vagrant',
      identityFiles: [
        '/home/dev/my project/.vagrant/machines/web/docker/private_key',
        '/home/dev/.vagrant.d/insecure_private_key',
      ],
      proxyCommand: undefined,
    });
    expect(() => parseSshConfig('')).toThrow(/no address/);
  });

  it('is asked for in the folder of the file, by its name', () => {
    const place = { cwd: '/p', dotfilePath: undefined, file: 'Vagrantfile.dev' };
    expect(vagrantCommands.status(place)).toMatchObject({
      args: ['--machine-readable', 'status'],
      cwd: '/p',
      env: { VAGRANT_CWD: '/p', VAGRANT_VAGRANTFILE: 'Vagrantfile.dev', VAGRANT_DOTFILE_PATH: undefined },
    });
  });
});
