import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { gitVariables } from '../../../src/credentials/gitRequest.ts';
import { hopArguments } from '../../../src/engines/sshDial.ts';
import { aliasOf, renderConfig, renderKnownHosts, type SshEntry } from '../../../src/ssh/config/entry.ts';
import { includeLine, withInclude, withoutInclude } from '../../../src/ssh/config/includeLine.ts';
import { SshBook } from '../../../src/ssh/config/sshBook.ts';
import { UserSshConfig } from '../../../src/ssh/config/userConfig.ts';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5n2wKq0sHh7mYk0b1mZ3gqk1yX0o5G7w2m9cJ0aB1C';
const container: SshEntry = {
  version: 1,
  alias: 'switchyard-api-container',
  projectId: '0123456789ab',
  projectName: 'api',
  projectFolder: '/home/me/api',
  kind: 'container',
  user: 'dev',
  hostKeys: [`${key} a comment`],
  workspaceFolder: '/workspaces/api',
  way: { by: 'proxy', argv: ['/opt/code', "/x y/it's 100%.cjs"], env: { ELECTRON_RUN_AS_NODE: '1' } },
};
const vm: SshEntry = {
  ...container,
  alias: 'switchyard-api-vm',
  kind: 'vm',
  way: { by: 'tcp', host: '192.168.121.5', port: 2222, identityFile: '/home/me/a key%' },
};

let home: string;
beforeEach(() => {
  home = fs.mkdtempSync(path.join(tmpdir(), 'sy-ssh-'));
});
afterEach(() => {
  fs.rmSync(home, { recursive: true, force: true });
});

/** What OpenSSH itself makes of a configuration. */
function asRead(config: string, alias: string): Record<string, string> {
  const file = path.join(home, 'rendered');
  fs.writeFileSync(file, config);
  const printed = execFileSync('ssh', ['-G', '-F', file, alias], { encoding: 'utf8' });
  return Object.fromEntries(
    printed.split('\n').map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
  );
}

describe('the alias', () => {
  it('is in lower case and made of what every client takes', () => {
    expect(aliasOf('My API (v2)', 'vm')).toBe('switchyard-my-api-v2-vm');
    expect(aliasOf('Größe', 'container')).toBe('switchyard-gro-e-container');
    expect(aliasOf('日本', 'container', '0123ab')).toBe('switchyard-project-0123ab-container');
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(aliasOf(name, 'vm')).toMatch(/^switchyard-[a-z0-9]+(-[a-z0-9]+)*-vm$/);
      }),
    );
  });
});

describe('our own configuration file', () => {
  it('says to OpenSSH what it should', () => {
    const text = renderConfig([container, vm], '/home/me/.ssh/switchyard/known hosts');
    expect(text).not.toMatch(/StrictHostKeyChecking\s+no/i);
    expect(asRead(text, container.alias)).toMatchObject({
      user: 'dev',
      proxycommand: `env ELECTRON_RUN_AS_NODE=1 /opt/code '/x y/it'\\''s 100%%.cjs'`,
      stricthostkeychecking: 'true',
      hostkeyalias: container.alias,
      preferredauthentications: 'none',
      ciphers: expect.stringMatching(/^aes128-gcm/) as string,
    });
    expect(asRead(text, vm.alias)).toMatchObject({
      hostname: '192.168.121.5',
      port: '2222',
      identityfile: '/home/me/a key%%',
      identitiesonly: 'yes',
      stricthostkeychecking: 'true',
    });
    expect(asRead(text, 'elsewhere')['stricthostkeychecking']).toBe('ask');
  });

  it('brings what is shared with an environment, to it alone', () => {
    const { GIT_CONFIG_VALUE_0, ...rest } = gitVariables('/tmp/ssh-abc/agent.7');
    const shares = { agent: true, variables: { ...rest, GIT_CONFIG_VALUE_0: GIT_CONFIG_VALUE_0 ?? '' } };
    const text = renderConfig([{ ...container, shares }, vm], '/k');
    const file = path.join(home, 'shares');
    fs.writeFileSync(file, text);
    const lines = execFileSync('ssh', ['-G', '-F', file, container.alias], { encoding: 'utf8' }).split('\n');
    expect(lines).toContain('forwardagent yes');
    expect(lines.filter((line) => line.startsWith('setenv ')).sort()).toEqual(
      Object.entries(shares.variables)
        .map(([name, value]) => `setenv ${name}=${value}`)
        .sort(),
    );
    expect(asRead(text, vm.alias)).toMatchObject({ forwardagent: 'no' });
    expect(() =>
      renderConfig(
        [{ ...container, shares: { agent: false, variables: { A: 'b"\nProxyCommand evil' } } }],
        '/k',
      ),
    ).toThrow(RangeError);
  });

  it('brings up what sleeps or is off when a client comes, and nothing else', () => {
    const made = path.join(home, 'is up');
    const way = { ...vm.way, start: ['mkdir', made] } as SshEntry['way'];
    const text = renderConfig([container, { ...vm, way }], '/k');
    for (const other of [container.alias, 'elsewhere', `${vm.alias}-2`]) {
      expect(asRead(text, other)['connectionattempts']).toBe('1');
      expect(fs.existsSync(made)).toBe(false);
    }
    expect(asRead(text, vm.alias)['connectionattempts'], 'it was not up').toBe('60');
    expect(fs.existsSync(made)).toBe(true);
    expect(asRead(text, vm.alias)['connectionattempts'], 'it is up').toBe('1');
  });

  it('goes over the other computer where the machine is on its network', () => {
    const carrier = ['ssh', ...hopArguments({ host: 'far', user: 'me', port: '2200' }, '192.168.243.5', 22)];
    const there: SshEntry = { ...vm, way: { ...vm.way, carrier } as SshEntry['way'] };
    expect(asRead(renderConfig([there], '/k'), vm.alias)['proxycommand']).toBe(
      'ssh -T -o BatchMode=yes -o ConnectTimeout=30 -l me -p 2200 -W 192.168.243.5:22 -- far',
    );
  });

  it('pins the host keys under the alias', () => {
    expect(renderKnownHosts([container])).toBe(`${container.alias} ${key}\n`);
  });

  it('takes no value that would begin an option of its own', () => {
    const way = { by: 'tcp', host: 'h', port: 22, identityFile: '/k\nProxyCommand evil' } as const;
    expect(() => renderConfig([{ ...vm, way }], '/k')).toThrow(RangeError);
    expect(() => renderConfig([{ ...vm, user: 'a"b' }], '/k')).toThrow(RangeError);
    expect(renderConfig([{ ...vm, projectName: 'x\n  ProxyCommand evil' }], '/k')).not.toMatch(
      /^\s*ProxyCommand/m,
    );
  });
});

describe('our line in the configuration of a person', () => {
  it('stands first, once, and every other byte stays', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const content = Buffer.from(bytes);
        const next = withInclude(content);
        if (!next) return;
        expect(withInclude(next)).toBeUndefined();
        expect(next.subarray(next.length - content.length).equals(content)).toBe(true);
        expect(withoutInclude(next)?.equals(content)).toBe(true);
      }),
    );
  });

  it('keeps the line ends of the file', () => {
    expect(withInclude(Buffer.from('Host a\r\n  User b\r\n'))?.toString()).toBe(
      `${includeLine}\r\nHost a\r\n  User b\r\n`,
    );
  });

  it('is put before blocks where it stands in one, or is written in another way before them', () => {
    const inBlock = Buffer.from(`Match host x\n  ${includeLine}\n`);
    expect(withInclude(inBlock)?.toString().startsWith(`${includeLine}\n`)).toBe(true);
    expect(withInclude(Buffer.from('include "~/.ssh/switchyard/config"\nHost a\n'))).toBeUndefined();
  });
});

describe('the file of a person', () => {
  const file = (): string => path.join(home, 'config');
  const config = (): UserSshConfig => new UserSshConfig(home);
  const names = (): string[] => fs.readdirSync(home).sort();

  it('is made where there is none, for its owner only', async () => {
    await config().include();
    expect(fs.readFileSync(file(), 'utf8')).toBe(`${includeLine}\n`);
    expect(fs.statSync(file()).mode & 0o777).toBe(0o600);
    expect(names()).toEqual(['config']);
  });

  it('keeps its bytes, its mode and a copy of itself', async () => {
    const before = Buffer.from([...Buffer.from('Match exec "x"\n  User \xff\xfe\n', 'latin1')]);
    fs.writeFileSync(file(), before, { mode: 0o640 });
    await config().include();
    expect(fs.statSync(file()).mode & 0o777).toBe(0o640);
    expect(fs.readFileSync(`${file()}.switchyard-backup`).equals(before)).toBe(true);
    await config().include();
    await config().exclude();
    expect(fs.readFileSync(file()).equals(before)).toBe(true);
    expect(names()).toEqual(['config', 'config.switchyard-backup']);
  });

  it('stays a link where it is one', async () => {
    fs.mkdirSync(path.join(home, 'dotfiles'));
    fs.writeFileSync(path.join(home, 'dotfiles', 'ssh'), 'Host a\n');
    fs.symlinkSync('dotfiles/ssh', file());
    await config().include();
    expect(fs.readlinkSync(file())).toBe('dotfiles/ssh');
    expect(fs.readFileSync(path.join(home, 'dotfiles', 'ssh'), 'utf8')).toBe(`${includeLine}\nHost a\n`);
  });

  it.each([
    ['read-only', () => fs.writeFileSync(file(), 'Host a\n', { mode: 0o400 })],
    ['a link to nowhere', () => fs.symlinkSync('nowhere', file())],
    ['a folder', () => fs.mkdirSync(file())],
  ])('is left alone where it is %s, and the person is told the line', async (_what, make) => {
    make();
    const before = names();
    await expect(config().include()).rejects.toMatchObject({
      code: 'ssh.config',
      next: expect.stringContaining(includeLine) as string,
    });
    expect(names()).toEqual(before);
  });
});

describe('the book of SSH hosts', () => {
  it('is what ssh reads, also when several windows write at once, and goes without a trace', async () => {
    fs.writeFileSync(path.join(home, 'config'), 'Host mine\n  User me\n');
    const entries = Array.from({ length: 8 }, (_, index) => ({
      ...container,
      alias: `switchyard-p${index}-container`,
      projectId: `p${index}`,
    }));
    await Promise.all(entries.map((entry) => new SshBook(home, silentLogger).put(entry)));
    const book = new SshBook(home, silentLogger);
    expect((await book.entries()).map(({ alias }) => alias)).toEqual(entries.map(({ alias }) => alias));
    const rendered = fs.readFileSync(book.configFile, 'utf8');
    for (const { alias } of entries) expect(rendered).toContain(`Host ${alias}\n`);
    expect(fs.statSync(book.configFile).mode & 0o777).toBe(0o600);
    await book.remove('p0');
    expect(fs.readFileSync(book.configFile, 'utf8')).not.toContain('p0-container');
    await book.remove();
    expect(fs.readFileSync(path.join(home, 'config'), 'utf8')).toBe('Host mine\n  User me\n');
    expect(fs.readdirSync(home).sort()).toEqual(['config', 'config.switchyard-backup']);
  });

  it('gives two projects of one name two aliases, and each the same one again', async () => {
    const book = new SshBook(home, silentLogger);
    await book.put(container);
    expect(await book.aliasFor({ id: container.projectId, name: 'renamed' }, 'container')).toBe(
      container.alias,
    );
    expect(await book.aliasFor({ id: 'ffffffffffff', name: 'api' }, 'container')).toBe(
      'switchyard-api-ffffff-container',
    );
  });

  it('makes a host key once for an alias', async () => {
    const book = new SshBook(home, silentLogger);
    const made = await book.hostKey('switchyard-api-container');
    expect(made.publicKey).toMatch(/^ssh-ed25519 /);
    expect(fs.statSync(made.file).mode & 0o777).toBe(0o600);
    expect(await book.hostKey('switchyard-api-container')).toEqual(made);
  });
});
