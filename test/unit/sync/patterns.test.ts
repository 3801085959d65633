import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromText } from '../../../src/sync/path.ts';
import { defaultIgnore, parsePatterns, PathRules, Protection } from '../../../src/sync/patterns.ts';

let repository: string;

beforeAll(() => {
  repository = mkdtempSync(path.join(tmpdir(), 'switchyard-ignore-'));
  execFileSync('git', ['init', '-q', repository]);
});

afterAll(() => rmSync(repository, { recursive: true, force: true }));

/** What git itself says of these files under these patterns. */
function ignoredByGit(patterns: readonly string[], files: readonly string[]): Set<string> {
  writeFileSync(path.join(repository, '.gitignore'), `${patterns.join('\n')}\n`);
  const input = files.join('\0');
  try {
    const found = execFileSync('git', ['-C', repository, 'check-ignore', '--no-index', '-z', '--stdin'], {
      input,
    });
    return new Set(found.toString().split('\0').filter(Boolean));
  } catch (error) {
    // 1: none of them is ignored.
    if ((error as { status?: number }).status === 1) return new Set();
    throw error;
  }
}

describe('ignore patterns', () => {
  it('mean what they mean to git', () => {
    const glob = fc.constantFrom(
      'a',
      'b',
      'ab',
      '*',
      '**',
      '?',
      'a*',
      '*.b',
      '[ab]',
      '[!a]',
      '[a-',
      '\\*',
      'a b',
      '.a',
    );
    const pattern = fc
      .tuple(
        fc.constantFrom('', '', '', '!'),
        fc.constantFrom('', '', '/'),
        fc.array(glob, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', '', '/'),
      )
      .map(([not, root, pieces, folder]) => `${not}${root}${pieces.join('/')}${folder}`);
    const name = fc.constantFrom('a', 'b', 'ab', 'x.b', '*', 'a b', '.a', '[a-');
    const file = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
    fc.assert(
      fc.property(
        fc.array(pattern, { minLength: 1, maxLength: 4 }),
        fc.uniqueArray(file, { minLength: 12, maxLength: 24 }),
        (patterns, files) => {
          const rules = PathRules.parse(parsePatterns(patterns.join('\n')));
          const ours = files.filter((at) => rules.covers(fromText(at), false));
          expect(ours.sort()).toEqual([...ignoredByGit(patterns, files)].sort());
        },
      ),
      // Found by chance: a lone `**` that is anchored goes through folders.
      {
        numRuns: 60,
        examples: [
          [
            ['a', '!/**'],
            ['a', 'b/a', 'a/a', 'b/c/a'],
          ],
        ],
      },
    );
  });

  it('leave out what no guest and host share', () => {
    const rules = PathRules.parse(defaultIgnore);
    for (const at of ['node_modules', 'a/node_modules/b', '.vagrant/x', '.git/objects/ab/tmp_obj_1']) {
      expect(rules.covers(at, false), at).toBe(true);
    }
    for (const at of ['.env', '.git/config', 'src/targets.ts'])
      expect(rules.covers(at, false), at).toBe(false);
  });
});

describe('protection', () => {
  const protection = new Protection(['scripts/', '/Makefile']);

  it('covers what a guest could plant to run on the host', () => {
    for (const at of [
      '.git/hooks/pre-commit',
      '.git/config',
      'sub/.git/hooks/x',
      '.git/modules/a/b/hooks/x',
      '.git/modules/a/config',
      '.vscode/tasks.json',
      'sub/.vscode/settings.json',
      '.VSCode/tasks.json',
      '.devcontainer.json',
      'Vagrantfile',
      'deep/.envrc',
      'scripts/run.sh',
      'Makefile',
    ]) {
      expect(protection.covers(at, false), at).toBe(true);
    }
  });

  it('covers a link or file in the place of a protected folder, and a .git that points elsewhere', () => {
    expect(protection.covers('.vscode', false)).toBe(true);
    expect(protection.covers('sub/.git', false)).toBe(true);
    expect(protection.covers('sub/.git', true)).toBe(false);
  });

  it('lets the rest of git through', () => {
    for (const at of ['.git/HEAD', '.git/index', '.git/refs/heads/main', 'sub/Makefile']) {
      expect(protection.covers(at, false), at).toBe(false);
    }
  });
});
