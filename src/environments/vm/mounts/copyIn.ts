import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as l10n from '@vscode/l10n';
import type { Pack } from 'tar-stream';
import type { Connection } from '../../../connections/connection.ts';
import { replaceCopy } from './guestMounts.ts';
import type { GuestMount } from './plan.ts';

type Copy = GuestMount & { readonly how: 'copy' };

/** Above that a copy at each start is no longer what somebody means by a mount. */
export const copyLimits = { bytes: 256 * 2 ** 20, files: 20_000 };

interface Entry {
  /** Absolute, on this computer. */
  readonly file: string;
  /** In the archive. */
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly size: number;
  readonly mtime: Date;
  readonly linkname?: string;
}

/**
 * Brings a file or folder of this computer into the machine, where it belongs to the user who works there: a
 * container's user has the id of whoever opened it, and a machine knows no such id.
 * @returns why it is not there, as a sentence; undefined where it is
 */
export async function copyIn(
  connection: Connection,
  mount: Copy,
  owner: { readonly uid: number; readonly gid: number },
  signal: AbortSignal,
): Promise<string | undefined> {
  let entries: readonly Entry[] | string;
  try {
    // A link to what is meant is as good as that itself.
    entries = await list(await realpath(mount.source), signal);
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return l10n.t('{0} is not there on this computer.', mount.source);
    return l10n.t('{0} cannot be read: {1}.', mount.source, message);
  }
  if (typeof entries === 'string') return entries;
  const process = await connection.exec(
    { argv: replaceCopy(mount), user: 'root', cwd: '/', env: {} },
    signal,
  );
  const onAbort = (): void => process.dispose();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const said: Buffer[] = [];
    process.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    process.stdout.resume();
    const { pack } = await import('tar-stream');
    const archive = pack();
    const sent = pipeline(archive, process.stdin).catch((error: unknown) => error);
    const packed = fill(archive, entries, owner).catch((error: unknown) => {
      archive.destroy();
      return error;
    });
    const { code } = await process.exit;
    signal.throwIfAborted();
    if (code === 0) return undefined;
    const problem = Buffer.concat(said).toString('utf8').trim() || String((await packed) ?? (await sent));
    return l10n.t('{0} could not be copied: {1}', mount.source, problem);
  } finally {
    signal.removeEventListener('abort', onAbort);
    process.dispose();
  }
}

/** Everything below a file or folder; what is neither file, folder nor link is left. @returns why not, as a text */
async function list(top: string, signal: AbortSignal): Promise<readonly Entry[] | string> {
  const entries: Entry[] = [];
  const waiting = [{ file: top, name: 'it' }];
  let bytes = 0;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    signal.throwIfAborted();
    const { file, name } = next;
    const { mode, size, mtime, ...stats } = await lstat(file).then((found) => ({
      mode: found.mode & 0o7777,
      size: found.size,
      mtime: found.mtime,
      isFile: found.isFile(),
      isFolder: found.isDirectory(),
      isLink: found.isSymbolicLink(),
    }));
    const common = { file, name, mode, mtime };
    if (stats.isFolder) {
      entries.push({ ...common, type: 'directory', size: 0 });
      for (const one of await readdir(file)) {
        waiting.push({ file: path.join(file, one), name: `${name}/${one}` });
      }
    } else if (stats.isLink) {
      entries.push({ ...common, type: 'symlink', size: 0, linkname: await readlink(file) });
    } else if (stats.isFile) {
      bytes += size;
      entries.push({ ...common, type: 'file', size });
    } else if (file === top) {
      return l10n.t('{0} is neither a file nor a folder.', top);
    }
    if (bytes > copyLimits.bytes || entries.length > copyLimits.files) {
      const mebibytes = copyLimits.bytes / 2 ** 20;
      return l10n.t(
        '{0} is too large to be copied at each start: it has more than {1} MiB or {2} files.',
        top,
        mebibytes,
        copyLimits.files,
      );
    }
  }
  return entries;
}

async function fill(
  archive: Pack,
  entries: readonly Entry[],
  owner: { uid: number; gid: number },
): Promise<void> {
  for (const { file, name, type, mode, size, mtime, linkname } of entries) {
    const header = {
      name,
      type,
      mode,
      size,
      mtime,
      ...owner,
      ...(linkname === undefined ? {} : { linkname }),
    };
    if (type === 'file' && size > 0) {
      // What grows meanwhile is cut off; what shrinks fails, as it must.
      await pipeline(createReadStream(file, { end: size - 1 }), archive.entry(header));
    } else {
      archive.entry(header, '');
    }
  }
  archive.finalize();
}
