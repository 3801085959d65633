import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';

/** A file for a tar archive; owned by root. */
export interface TarFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly mode: number;
  readonly content: string;
}

/** A small archive, whole in memory. */
export async function packFiles(
  files: readonly (Omit<TarFile, 'content'> & { readonly content: string | Buffer })[],
): Promise<Buffer> {
  const { pack } = await import('tar-stream');
  const archive = pack();
  for (const file of files) {
    archive.entry({ name: file.path, mode: file.mode, uid: 0, gid: 0, mtime: new Date(0) }, file.content);
  }
  archive.finalize();
  return buffer(archive);
}

/** The first regular file of an archive, whole in memory; undefined where it holds none (a link, a folder). */
export async function firstFile(archive: Readable): Promise<Buffer | undefined> {
  const [whole, { extract }] = await Promise.all([buffer(archive), import('tar-stream')]);
  const reader = extract();
  reader.end(whole);
  let found: Buffer | undefined;
  for await (const entry of reader) {
    if (entry.header.type === 'file' && found === undefined) {
      found = await buffer(entry);
    } else {
      entry.resume();
    }
  }
  return found;
}
