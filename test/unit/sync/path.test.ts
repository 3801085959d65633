import fc from 'fast-check';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ancestorsOf, fromText, linkEscapes, pathFault, toText } from '../../../src/sync/path.ts';

describe('pathFault', () => {
  it('refuses what could lead out of the workspace', () => {
    for (const bad of ['', '/', '/etc', '..', '../x', 'a/../b', 'a/..', './a', 'a/.', 'a//b', 'a/', 'a\0b']) {
      expect(pathFault(bad), JSON.stringify(bad)).toBeDefined();
    }
    expect(pathFault('x'.repeat(256))).toBeDefined();
    expect(pathFault('x/'.repeat(2_100) + 'x')).toBeDefined();
  });

  it('takes every name that a disk may hold', () => {
    for (const good of ['a', '...', '..a', 'a..', '-rf', ' ', 'new\nline', '\xff\xfe', '*', '\\']) {
      expect(pathFault(good), JSON.stringify(good)).toBeUndefined();
    }
  });

  it('lets through only what stays inside, whatever the bytes', () => {
    const piece = fc.constantFrom('..', '.', '', 'a', 'b', '\xff', '...', 'a\0', '\n', 'x'.repeat(256));
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
        const candidate = pieces.join('/');
        if (pathFault(candidate) !== undefined) return;
        expect(path.posix.join('/root', candidate)).toBe(`/root/${candidate}`);
        expect(candidate).not.toMatch(/\0|x{256}/);
      }),
    );
  });
});

describe('linkEscapes', () => {
  it('lets a link through only where its target stays inside the workspace', () => {
    const piece = fc.constantFrom('..', '.', 'a', 'b', '');
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('x', 'y'), { minLength: 1, maxLength: 4 }),
        fc.array(piece, { minLength: 1, maxLength: 8 }),
        (at, pieces) => {
          const target = pieces.join('/');
          if (linkEscapes(at.join('/'), target)) return;
          const folder = path.posix.join('/r/oot', ...at.slice(0, -1));
          const leads = path.posix.resolve(folder, target);
          expect(leads === '/r/oot' || leads.startsWith('/r/oot/')).toBe(true);
        },
      ),
    );
  });

  it('does not trust `..` after a name, which may itself be a link', () => {
    expect(linkEscapes('a/link', 'b/../../c')).toBe(true);
    expect(linkEscapes('a/link', '../c')).toBe(false);
    expect(linkEscapes('link', '../c')).toBe(true);
    expect(linkEscapes('link', '/etc/passwd')).toBe(true);
  });
});

it('names are bytes, and text comes through whole', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => toText(fromText(text)) === text));
});

it('ancestors are listed outermost first', () => {
  expect(ancestorsOf('a/b/c')).toEqual(['a', 'a/b']);
  expect(ancestorsOf('a')).toEqual([]);
});
