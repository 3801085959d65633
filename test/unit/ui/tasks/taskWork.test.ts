import { describe, expect, it } from 'vitest';
import {
  describeWork,
  insideGuest,
  lineOf,
  readDefinition,
  shellLine,
  workOf,
} from '../../../../src/ui/tasks/taskWork.ts';

const folder = { host: '/home/me/api', guest: '/workspaces/api' };

describe('readDefinition', () => {
  it('reads what tasks.json may say, and refuses what is no task', () => {
    expect(
      readDefinition({
        type: 'switchyard',
        command: 'make',
        args: ['a', 1],
        env: { N: 2 },
        environment: 'vm',
      }),
    ).toEqual({
      type: 'switchyard',
      command: 'make',
      args: ['a', '1'],
      env: { N: '2' },
      environment: 'vm',
    });
    expect(readDefinition({ type: 'switchyard', command: 'make', environment: 'moon' })?.environment).toBe(
      'active',
    );
    expect(readDefinition({ type: 'switchyard' })).toBeUndefined();
  });
});

describe('workOf', () => {
  it('gives a line to the shell, and a program its arguments as they are', () => {
    expect(workOf({ type: 's', command: 'npm test && true' }).argv).toEqual([
      '/bin/sh',
      '-c',
      'npm test && true',
    ]);
    expect(workOf({ type: 's', command: 'echo', args: ['$HOME; x'] }).argv).toEqual(['echo', '$HOME; x']);
  });
});

describe('insideGuest', () => {
  it("turns every path of the host's workspace into the guest's", () => {
    const work = {
      argv: ['node', '/home/me/api/x.js'],
      cwd: '/home/me/api/sub',
      env: { ROOT: '/home/me/api' },
    };
    expect(insideGuest(work, folder)).toEqual({
      argv: ['node', '/workspaces/api/x.js'],
      cwd: '/workspaces/api/sub',
      env: { ROOT: '/workspaces/api' },
    });
  });

  it('runs in the workspace folder, or in a folder of it', () => {
    const work = { argv: ['x'], cwd: undefined, env: {} };
    expect(insideGuest(work, folder).cwd).toBe('/workspaces/api');
    expect(insideGuest({ ...work, cwd: 'sub' }, folder).cwd).toBe('/workspaces/api/sub');
    expect(insideGuest({ ...work, cwd: '/srv' }, folder).cwd).toBe('/srv');
  });
});

describe('lineOf', () => {
  it('leaves words as they are written, and quotes those that ask for it', () => {
    expect(lineOf('npm', ['run', 'build', '$X'])).toBe('npm run build $X');
    expect(lineOf('npm', ['run', { value: 'a b', quoting: 2 }, 'c d'])).toBe("npm run 'a b' 'c d'");
    expect(lineOf({ value: 'my tool', quoting: 2 }, [])).toBe("'my tool'");
  });
});

describe('describeWork', () => {
  it('shows the line that was written', () => {
    expect(describeWork({ argv: shellLine('a && b') })).toBe('a && b');
    expect(describeWork({ argv: ['echo', 'a b'] })).toBe("echo 'a b'");
  });
});
