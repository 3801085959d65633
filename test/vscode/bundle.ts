import { build } from 'esbuild';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Files that each export `run`, which VS Code's extension host calls. */
export interface Entries {
  /** Measures one activation and is over. */
  readonly measure: string;
  /** Runs the tests. */
  readonly suite: string;
}

/** Bundles the suite: one file for each entry and one for each test file, as mocha wants them. */
export async function bundleSuite(root: string): Promise<Entries> {
  const suite = join(root, 'test', 'vscode', 'suite');
  const outdir = join(root, 'test', '.output', 'vscode');
  await rm(outdir, { recursive: true, force: true });
  const tests = (await readdir(suite)).filter((name) => name.endsWith('.test.ts'));
  await build({
    entryPoints: [
      ...['index.ts', 'measure.ts'].map((name) => join(root, 'test', 'vscode', name)),
      ...tests.map((name) => join(suite, name)),
    ],
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
  return { measure: join(outdir, 'measure.cjs'), suite: join(outdir, 'index.cjs') };
}
