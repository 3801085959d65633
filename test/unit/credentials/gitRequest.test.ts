import { describe, expect, it } from 'vitest';
import { fillCommand, gitVariables, readGitRequest } from '../../../src/credentials/gitRequest.ts';

describe('a request of git from inside', () => {
  it('is read with the fields of the credential that is asked for, and no others', () => {
    expect(
      readGitRequest(
        'get\nprotocol=https\nhost=example.org:8443\npath=a/b.git\nusername=me\nwwwauth[]=Basic\n',
      ),
    ).toEqual({ protocol: 'https', host: 'example.org:8443', path: 'a/b.git', username: 'me' });
  });

  it.each([
    ['storing', 'store\nprotocol=https\nhost=example.org\nusername=me\npassword=x\n'],
    ['erasing', 'erase\nprotocol=https\nhost=example.org\n'],
    ['no operation', 'protocol=https\nhost=example.org\n'],
    ['what is asked over no network', 'get\nprotocol=cert\npath=/home/me/key\n'],
    ['no host', 'get\nprotocol=https\nhost=\n'],
    ['a NUL byte', 'get\nprotocol=https\nhost=example.org\0.evil.org\n'],
    ['a carriage return', 'get\nprotocol=https\nhost=example.org\rx\n'],
    ['nothing', ''],
  ])('is not answered: %s', (_name, text) => {
    expect(readGitRequest(text)).toBeUndefined();
  });

  it('asks the helpers of this computer, outside of every repository, without a terminal', () => {
    const command = fillCommand(
      { protocol: 'https', host: 'example.org', path: undefined, username: 'me' },
      '/var/lib/storage',
    );
    expect([command.program, ...command.args]).toEqual(['git', 'credential', 'fill']);
    expect(command.cwd).toBe('/var/lib/storage');
    expect(command.input).toBe('protocol=https\nhost=example.org\nusername=me\n\n');
    expect(command.env).toMatchObject({ GIT_TERMINAL_PROMPT: '0', GIT_DIR: undefined });
    expect(
      command.parse('protocol=https\nhost=example.org\nusername=me\npassword=s=e c\noauth_refresh_token=r\n'),
    ).toBe('username=me\npassword=s=e c\n');
  });

  it('comes by a helper that can stand in an SSH configuration', () => {
    expect(gitVariables('/tmp/ssh-abc/agent.7')['GIT_CONFIG_VALUE_0']).toMatch(
      /^![^"\\]+ \/tmp\/ssh-abc\/agent\.7$/,
    );
  });
});
