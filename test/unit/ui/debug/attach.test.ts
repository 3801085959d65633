import { describe, expect, it } from 'vitest';
import { attachTo, readAttach } from '../../../../src/ui/debug/attach.ts';

const folders = { host: '/home/me/api', guest: '/workspaces/api' };

function resolved(configuration: object, port: number): object {
  const definition = readAttach(configuration);
  if (!definition) throw new Error('It was not read.');
  return attachTo(definition, port, folders);
}

describe('a debugger that is attached inside', () => {
  it('is Node’s, at the forwarded port, with the folder’s name on both sides', () => {
    expect(
      resolved({ type: 'switchyard', request: 'attach', name: 'Attach', debugger: 'node' }, 49_152),
    ).toEqual({
      type: 'node',
      request: 'attach',
      name: 'Attach',
      address: '127.0.0.1',
      port: 49_152,
      localRoot: '/home/me/api',
      remoteRoot: '/workspaces/api',
    });
  });

  it('is Python’s, likewise', () => {
    expect(resolved({ name: 'Attach', debugger: 'python', port: 7000 }, 7001)).toEqual({
      type: 'debugpy',
      request: 'attach',
      name: 'Attach',
      connect: { host: '127.0.0.1', port: 7001 },
      pathMappings: [{ localRoot: '/home/me/api', remoteRoot: '/workspaces/api' }],
    });
  });

  it('gets what the person says to it', () => {
    const options = { restart: true, remoteRoot: '/srv' };
    expect(resolved({ debugger: 'node', options }, 9229)).toMatchObject({
      restart: true,
      remoteRoot: '/srv',
      localRoot: '/home/me/api',
    });
  });

  it('needs no names where it runs itself where the program does', () => {
    const definition = readAttach({ debugger: 'node', environment: 'vm' });
    expect(definition).toMatchObject({ environment: 'vm', port: 9229 });
    expect(definition && attachTo(definition, 9229, undefined)).not.toHaveProperty('remoteRoot');
  });

  it('is one that is known, at a port that is one', () => {
    expect(readAttach({ debugger: 'gdb' })).toBeUndefined();
    expect(readAttach({})).toBeUndefined();
    for (const port of [0, 65_536, 1.5, '9229'])
      expect(readAttach({ debugger: 'python', port })?.port).toBe(5678);
    expect(readAttach({ debugger: 'node', environment: 'moon' })?.environment).toBe('active');
  });
});
