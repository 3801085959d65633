import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from '../run.ts';
import { endGroup, waitForLine } from './child.ts';
import type { Editor } from './install.ts';

export interface CodeServerOptions {
  /** Everything that this server writes: user data, extensions, its own config, its log. */
  readonly dataFolder: string;
  /** The packed extension. */
  readonly vsix: string;
  /** The folder that the address opens. */
  readonly project: string;
  /** 0 or nothing: any free port. */
  readonly port?: number;
  /** Without it VS Code asks, as it asks everybody. */
  readonly trustEverything?: boolean;
  /** The person's settings at the beginning; those that are there already stay. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A code-server that runs, with the extension in it. Its owner stops it. */
export interface CodeServer {
  /** Opens the project. */
  readonly url: string;
  readonly log: string;
  /** Resolves with why it ended, whoever ended it. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

const startMs = 60_000;
/**
 * Installs the packed extension into the server's own extensions folder and starts the server on
 * 127.0.0.1 without a password.
 * @throws Error with the server's last lines where it does not listen within a minute
 */
export async function startCodeServer(editor: Editor, options: CodeServerOptions): Promise<CodeServer> {
  const { dataFolder } = options;
  const env = cleanEnvironment({ ...process.env, ...options.env });
  const log = join(dataFolder, 'code-server.log');
  await writeSettings(dataFolder, options.settings ?? {});
  // A config of its own, or it reads and writes the person's.
  const config = join(dataFolder, 'code-server.yaml');
  await writeFile(config, 'auth: none\n');
  const folders = [
    ['--config', config],
    ['--user-data-dir', join(dataFolder, 'user')],
    ['--extensions-dir', join(dataFolder, 'extensions')],
  ].flat();
  await run(editor.node, [editor.codeServer, ...folders, '--force', '--install-extension', options.vsix], {
    timeoutMs: 120_000,
    env,
    log,
  });
  const child = spawn(
    editor.node,
    [
      editor.codeServer,
      ...folders,
      ...['--auth', 'none', '--bind-addr', `127.0.0.1:${options.port ?? 0}`],
      ...['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override'],
      ...['--ignore-last-opened', '--app-name', 'Switchyard'],
      ...(options.trustEverything ? ['--disable-workspace-trust'] : []),
    ],
    // A group of its own, so that ending it ends the extension hosts and terminals too.
    { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = once(child, 'exit').then(
    ([code, signal]: unknown[]) => `ended with ${String(code ?? signal)}`,
  );
  const stop = (): Promise<void> => endGroup(child);
  try {
    const origin = await listening(child, log);
    return { url: `${origin}/?folder=${encodeURIComponent(options.project)}`, log, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function writeSettings(dataFolder: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
  const folder = join(dataFolder, 'user', 'User');
  await mkdir(folder, { recursive: true });
  await mkdir(join(dataFolder, 'extensions'), { recursive: true });
  try {
    await writeFile(join(folder, 'settings.json'), `${JSON.stringify(settings, undefined, 2)}\n`, {
      flag: 'wx',
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Takes away what npm puts into the environment of its scripts: terminals would inherit it. */
function cleanEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const clean: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(env)) {
    if (!/^(npm_|INIT_CWD$|NODE_|VSCODE_|PORT$|PASSWORD$)/.test(name)) clean[name] = value;
  }
  clean['PATH'] = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter);
  return clean;
}

/** Waits for the line that names the address; the server chose the port, so nobody can take it first. */
async function listening(child: ChildProcess, log: string): Promise<string> {
  const file = createWriteStream(log, { flags: 'a' });
  child.stdout?.pipe(file);
  child.stderr?.pipe(file, { end: false });
  try {
    return await waitForLine(child, /HTTP server listening on (http:\/\/[^/\s]+)/, startMs);
  } catch (error) {
    throw new Error(`code-server does not run. Its log: ${log}`, { cause: error });
  }
}
