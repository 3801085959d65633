import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as l10n from '@vscode/l10n';
import { abortable, withDeadline } from '../base/abort.ts';
import { SwitchyardError } from '../base/errors.ts';
import { formatBytes } from '../base/format.ts';
import { lastLines } from '../base/process.ts';
import type { Progress } from '../base/progress.ts';
import { quote } from '../base/shell.ts';
import type { Connection } from '../connections/connection.ts';
import { run } from '../connections/run.ts';
import { copiedName, type EditorServer } from './findServer.ts';

/** Bound on short programs inside, and on the whole copy, in milliseconds. */
const shortMs = 60_000;
const copyMs = 20 * 60_000;
/** How often it is told how far the copy is, in bytes. */
const tellEvery = 16 * 1024 ** 2;

/** The editor that this extension runs in, where that is a server that could run elsewhere as it is. */
export interface LocalEditor {
  /** Absolute path of its Node. */
  readonly node: string;
  /** Absolute path of the folder with `out/server-main.js`. */
  readonly root: string;
  /** Tells one version from another; a part of a folder's name. */
  readonly version: string;
}

/**
 * @param node absolute path of the program that runs this extension
 * @param root absolute path of the editor's own folder
 * @returns undefined where the editor is no server: VS Code on the desktop cannot run without a display
 */
export async function findLocalEditor(node: string, root: string): Promise<LocalEditor | undefined> {
  if (process.platform !== 'linux') return undefined;
  try {
    await access(path.join(root, 'out', 'server-main.js'));
    const product = JSON.parse(await readFile(path.join(root, 'product.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const words = [product['version'], product['commit']].filter((word) => typeof word === 'string');
    const version = words
      .join('-')
      .replace(/[^A-Za-z0-9.-]/g, '')
      .slice(0, 40);
    return version === '' ? undefined : { node, root, version };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Copies the editor into the guest, below the user's home. What is there is whole: it grows in a folder of
 * another name, which is taken away again where that fails.
 * @throws SwitchyardError `editor.failed` where the guest cannot run it, or has no room for it
 */
export async function copyEditor(
  connection: Connection,
  editor: LocalEditor,
  options: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<EditorServer> {
  const { progress, signal } = options;
  const bounded = withDeadline(signal, copyMs);
  const home = (await shell(connection, 'printf %s "$HOME"', bounded)) || '/root';
  const target = `${home}/${copiedName}-${editor.version}`;
  const growing = `${target}.part-${randomBytes(6).toString('hex')}`;
  try {
    progress.step(l10n.t('Copying the editor'));
    await shell(connection, `mkdir -p ${quote(growing)}`, bounded);
    const node = path.basename(editor.node);
    const tell = (sent: number): void => progress.line(l10n.t('{0} sent', formatBytes(sent)));
    await send(connection, { folder: path.dirname(editor.node), what: node }, growing, tell, bounded);
    await shell(
      connection,
      `cd ${quote(growing)} && { [ ${quote(node)} = node ] || mv ${quote(node)} node; }`,
      bounded,
    );
    // Another processor or another C library, and there is no point in the rest.
    await shell(
      connection,
      `${quote(`${growing}/node`)} --version && mkdir ${quote(`${growing}/vscode`)}`,
      bounded,
    );
    await send(connection, { folder: editor.root, what: '.' }, `${growing}/vscode`, tell, bounded);
    await shell(
      connection,
      `touch ${quote(`${growing}/complete`)} && rm -rf ${quote(target)} && mv ${quote(growing)} ${quote(target)}`,
      bounded,
    );
  } catch (error) {
    await shell(connection, `rm -rf ${quote(growing)}`, AbortSignal.timeout(shortMs)).catch(
      (failure: unknown) => progress.line(`${growing} stays there: ${String(failure)}`),
    );
    signal.throwIfAborted();
    throw error instanceof SwitchyardError ? error : cannotRun((error as Error).message, error);
  }
  return { argv: [`${target}/node`, `${target}/vscode/out/server-main.js`], from: 'copy' };
}

/** Runs a line of the guest's shell and answers what it printed. */
async function shell(connection: Connection, script: string, signal: AbortSignal): Promise<string> {
  const { code, stdout, stderr } = await run(
    connection,
    { argv: ['/bin/sh', '-c', script], cwd: '/' },
    withDeadline(signal, shortMs),
  );
  if (code !== 0) throw cannotRun(lastLines(stderr.toString('utf8'), 2));
  return stdout.toString('utf8');
}

/** A file or a folder as one stream of tar, unpacked as the connection's user. */
async function send(
  connection: Connection,
  from: { readonly folder: string; readonly what: string },
  to: string,
  onSent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const unpack = await connection.exec({ argv: ['tar', '-xof', '-', '-C', to], cwd: '/' }, signal);
  const complaint: Buffer[] = [];
  unpack.stderr.on('data', (chunk: Buffer) => complaint.push(chunk));
  unpack.stdout.resume();
  const packing = spawn('tar', ['-C', from.folder, '-cf', '-', '--', from.what], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const packed = once(packing, 'close');
  let sent = 0;
  let told = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      if (sent - told >= tellEvery) onSent((told = sent));
      done(undefined, chunk);
    },
  });
  try {
    // The guest's tar is content with the archive's own end, and may be gone before the last padding was sent;
    // one that ends too early breaks the pipe as well. How it ended tells which.
    await Promise.allSettled([pipeline(packing.stdout, count, unpack.stdin, { signal }), packed]);
    signal.throwIfAborted();
    const { code } = await abortable(unpack.exit, signal);
    if (code !== 0) throw cannotRun(lastLines(Buffer.concat(complaint).toString('utf8'), 2));
    if (packing.signalCode === null && packing.exitCode !== 0) {
      throw cannotRun(l10n.t('Its files could not be read.'));
    }
  } finally {
    packing.kill();
    unpack.dispose();
  }
}

function cannotRun(why: string, cause?: unknown): SwitchyardError {
  return new SwitchyardError({
    code: 'editor.failed',
    what: l10n.t('The editor could not be copied into the environment.'),
    why,
    next: l10n.t('Add code-server or openvscode-server to the image instead.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
    cause,
  });
}
