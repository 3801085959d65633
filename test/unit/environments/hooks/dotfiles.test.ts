import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withDotfiles, type Dotfiles } from '../../../../src/environments/hooks/dotfiles.ts';
import { hookNames, hookPlan } from '../../../../src/environments/hooks/plan.ts';

const none: Dotfiles = { repository: '', targetPath: '~/dotfiles', installCommand: '' };

describe('dotfiles', () => {
  let folder: string;
  let home: string;
  let repository: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'switchyard-dotfiles-'));
    home = path.join(folder, 'home');
    repository = path.join(folder, "my 'files'");
    mkdirSync(home);
    mkdirSync(repository);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Makes the repository of these files, then runs the step on this computer. */
  function install(
    files: Readonly<Record<string, string>>,
    more: Partial<Dotfiles> = {},
  ): ReturnType<typeof spawnSync> {
    const git = (...args: readonly string[]): Buffer => execFileSync('git', ['-C', repository, ...args]);
    git('init', '--quiet');
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(repository, name)), { recursive: true });
      writeFileSync(path.join(repository, name), text);
    }
    git('add', '-A');
    git('-c', 'user.name=me', '-c', 'user.email=me@here', 'commit', '--quiet', '--message', 'mine');
    return run({ ...none, repository, ...more });
  }

  function run(dotfiles: Dotfiles): ReturnType<typeof spawnSync> {
    const [program = '', ...args] =
      withDotfiles(new Map(), dotfiles).get('postCreateCommand')?.at(-1)?.[0]?.argv ?? [];
    return spawnSync(program, args, { cwd: folder, env: { ...process.env, HOME: home } });
  }

  it('are the last of the creation', () => {
    const plan = withDotfiles(hookPlan({ postCreateCommands: ['mine'], postStartCommands: ['start'] }), {
      ...none,
      repository: 'me/dotfiles',
    });
    expect([...plan.keys()]).toEqual(hookNames);
    expect(plan.get('postCreateCommand')?.map(([step]) => step?.text)).toEqual([
      'mine',
      'https://github.com/me/dotfiles.git',
    ]);
    expect(plan.get('postStartCommand')).toHaveLength(1);
  });

  it('are nothing where no repository is set', () => {
    const plan = hookPlan({});
    expect(withDotfiles(plan, undefined)).toBe(plan);
    expect(withDotfiles(plan, { ...none, repository: ' ' })).toBe(plan);
  });

  it('are linked into the home folder where nothing installs them', () => {
    expect(install({ '.vimrc': 'set nu\n', '.config/x': 'y\n', README: '' }).status).toBe(0);
    expect(readFileSync(path.join(home, '.vimrc'), 'utf8')).toBe('set nu\n');
    expect(readFileSync(path.join(home, '.config/x'), 'utf8')).toBe('y\n');
    expect(() => lstatSync(path.join(home, '.git'))).toThrow('ENOENT');
    expect(() => lstatSync(path.join(home, 'README'))).toThrow('ENOENT');
  });

  it('are installed by the first program with one of the usual names, also without its bit', () => {
    const script = (word: string): string => `#!/bin/sh\necho ${word} > ~/installed\n`;
    expect(install({ 'setup.sh': script('setup'), 'script/bootstrap': script('bootstrap') }).status).toBe(0);
    expect(readFileSync(path.join(home, 'installed'), 'utf8')).toBe('bootstrap\n');
  });

  it('are installed by the program that is named, and fail where it is not there', () => {
    const mine = '#!/bin/sh\necho mine > ~/installed\n';
    const more = { targetPath: '~/deep/er', installCommand: 'bin/mine' };
    expect(install({ 'bin/mine': mine, 'install.sh': 'exit 1' }, more).status).toBe(0);
    expect(readFileSync(path.join(home, 'installed'), 'utf8')).toBe('mine\n');
    expect(readFileSync(path.join(home, 'deep/er/bin/mine'), 'utf8')).toBe(mine);
    const failed = run({ ...none, repository, installCommand: 'other' });
    expect(failed.status).not.toBe(0);
    expect(String(failed.stderr)).toContain('other is not in the repository.');
  });

  it('fail where there is no such repository', () => {
    const { status, stderr } = run({ ...none, repository: path.join(folder, 'nowhere') });
    expect(status).not.toBe(0);
    expect(String(stderr)).toContain('nowhere');
  });

  it('are not cloned over what is there', () => {
    mkdirSync(path.join(home, 'dotfiles'));
    writeFileSync(path.join(home, 'dotfiles', '.mine'), 'kept\n');
    chmodSync(path.join(home, 'dotfiles', '.mine'), 0o600);
    expect(install({ '.vimrc': '' }).status).toBe(0);
    expect(readFileSync(path.join(home, '.mine'), 'utf8')).toBe('kept\n');
  });
});
