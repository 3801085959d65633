import { build } from 'esbuild';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Bundles the suite: one file for the entry and one for each test file, as mocha wants them.
 * @returns the entry, which exports `run`
 */
export async function bundleSuite(root: string): Promise<string> {
  const suite = join(root, 'test', 'vscode', 'suite');
  const outdir = join(root, 'test', '.output', 'vscode');
  await rm(outdir, { recursive: true, force: true });
  const tests = (await readdir(suite)).filter((name) => name.endsWith('.test.ts'));
  await build({
    entryPoints: [join(root, 'test', 'vscode', 'index.ts'), ...tests.map((name) => join(suite, name))],
    outdir,
    entryNames: '[name]',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    // One mocha for all of them, or each would register its tests with one of its own.
    external: ['vscode', 'mocha'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  return join(outdir, 'index.cjs');
}
