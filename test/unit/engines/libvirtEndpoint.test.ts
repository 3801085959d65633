import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SwitchyardError } from '../../../src/base/errors.ts';
import type { Command, Runner } from '../../../src/base/process.ts';
import {
  findLibvirtEndpoint,
  hostName,
  LibvirtRunner,
  parseLibvirtUri,
  whyNot,
} from '../../../src/engines/libvirtEndpoint.ts';
import { virshCommands } from '../../../src/engines/virsh.ts';
import { vagrantCommands } from '../../../src/engines/vagrant.ts';

describe('which libvirt is spoken to', () => {
  it('is the one of the setting, else of LIBVIRT_DEFAULT_URI, else this computer’s', () => {
    const env = { LIBVIRT_DEFAULT_URI: 'qemu+ssh://far/system' };
    expect(findLibvirtEndpoint({ env: {} })).toEqual({
      uri: 'qemu:///system',
      source: 'default',
      ssh: undefined,
    });
    expect(findLibvirtEndpoint({ env, preferred: '' })).toMatchObject({
      uri: 'qemu+ssh://far/system?no_tty=1',
      source: 'LIBVIRT_DEFAULT_URI',
    });
    expect(findLibvirtEndpoint({ env: { LIBVIRT_DEFAULT_URI: 'qemu:///session' } })).toEqual({
      uri: 'qemu:///session',
      source: 'LIBVIRT_DEFAULT_URI',
      ssh: undefined,
    });
    expect(findLibvirtEndpoint({ env: { LIBVIRT_DEFAULT_URI: 'xen:///system' } })).toEqual({
      uri: 'qemu:///system',
      source: 'default',
      ssh: undefined,
      passedOver: 'xen:///system',
    });
    expect(findLibvirtEndpoint({ env, preferred: 'qemu:///system' })).toMatchObject({
      uri: 'qemu:///system',
      source: 'setting',
    });
  });

  it('takes user, host and port apart', () => {
    const { ssh } = parseLibvirtUri('qemu+ssh://me@host.example:2222/system', 'setting');
    expect(ssh).toEqual({ user: 'me', host: 'host.example', port: '2222' });
    expect(ssh && hostName(ssh)).toBe('me@host.example:2222');
    const plain = parseLibvirtUri('qemu+ssh://host/system', 'setting').ssh;
    expect(plain && hostName(plain)).toBe('host');
  });

  it.each([
    ['host', 'begins with qemu:///'],
    ['xen:///system', 'another driver'],
    ['qemu+tls://host/system', 'not by qemu+tls://'],
    ['qemu+ssh://host/system?keyfile=/k', 'question mark'],
    ['qemu:///embed', 'none of'],
    ['qemu+ssh://host/session', 'Of sessions'],
    ['qemu+ssh://-oProxyCommand=x/system', 'none of'],
    ["qemu+ssh://a'b/system", 'none of'],
    ['qemu+ssh://host:port/system', 'none of'],
    ['qemu+ssh://host/', 'none of'],
  ])('refuses %s with its reason', (given, reason) => {
    expect(whyNot(given)).toContain(reason);
    expect(() => parseLibvirtUri(given, 'setting')).toThrow(SwitchyardError);
    expect(() => parseLibvirtUri(given, 'setting')).toThrow(/switchyard\.libvirt\.uri/);
  });

  it('lets nothing through that ssh or a shell would take for more than a name', () => {
    const named = fc.webUrl({ validSchemes: ['qemu+ssh'] });
    fc.assert(
      fc.property(
        fc.oneof(
          named,
          fc.string().map((text) => `qemu+ssh://${text}/system`),
        ),
        (given) => {
          if (whyNot(given) !== undefined) return;
          const { ssh } = parseLibvirtUri(given, 'setting');
          for (const part of [ssh?.user, ssh?.host, ssh?.port]) expect(part ?? 'x').toMatch(/^\w[\w.-]*$/);
        },
      ),
    );
  });
});

describe('the runner', () => {
  const asked: Command<unknown>[] = [];
  const runner: Runner = {
    run: (command) => {
      asked.push(command);
      return Promise.resolve(command.parse(''));
    },
  };

  it('sends virsh to the chosen libvirt, and leaves other programs alone', async () => {
    const far = new LibvirtRunner(runner, parseLibvirtUri('qemu+ssh://far/system', 'setting'));
    await far.run(virshCommands.pools());
    await far.run(vagrantCommands.version()).catch(() => undefined);
    expect(asked[0]?.args.slice(0, 4)).toEqual([
      '--quiet',
      '--connect',
      'qemu+ssh://far/system?no_tty=1',
      'pool-list',
    ]);
    await new LibvirtRunner(runner, parseLibvirtUri('qemu:///session', 'setting')).run(virshCommands.pools());
    expect(asked.pop()?.args.slice(0, 4)).toEqual(['--quiet', '--connect', 'qemu:///session', 'pool-list']);
    expect(asked[1]).toEqual(expect.objectContaining({ args: vagrantCommands.version().args }));
  });

  it('tells whoever asks libvirt why none can be chosen', async () => {
    let refusal: unknown;
    try {
      parseLibvirtUri('qemu:///embed', 'setting');
    } catch (error) {
      refusal = error;
    }
    if (!(refusal instanceof SwitchyardError)) throw new Error('It was not refused.');
    await expect(new LibvirtRunner(runner, refusal).run(virshCommands.pools())).rejects.toBe(refusal);
  });
});
