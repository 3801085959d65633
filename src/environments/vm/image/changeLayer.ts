import { buffer } from 'node:stream/consumers';
import * as l10n from '@vscode/l10n';
import type Docker from 'dockerode';
import { asReadable, runStep, withBuildContainer } from './buildContainer.ts';
import type { ImageChange } from './imageChange.ts';
import { listFunction, toolsFolder } from './rootTree.ts';
import { firstFile, packFiles } from './tar.ts';

/** Bound on listing an image or packing a change, in milliseconds. */
const stepMs = 10 * 60_000;

/** Bound on what runs before that, in milliseconds. */
const firstMs = 30 * 60_000;

/**
 * Runs in a container of the image, which need have nothing but a shell: the programs are the builder's, with the
 * loader and the libraries that they were made for. Where it is given a script, it runs that the first time; then it
 * lists the files; once it is told what to write, it packs that as an archive which the kernel unpacks beside a
 * machine's initial RAM disk.
 */
const layerScript = String.raw`
set -eu
tools=/${toolsFolder}
if [ -e "$tools/in/first" ]; then
  /bin/sh "$tools/in/first"
  $tools/busybox rm "$tools/in/first"
  exit
fi
cd "$tools"
with="$tools/ld.so --library-path $tools $tools"
find=$with/find xargs=$with/xargs b2sum=$with/b2sum
${listFunction}
if [ ! -e in/written ]; then
  list / list
  exit
fi
change=out/change
$tools/busybox mkdir -p "$change"
$tools/busybox cp ld.so tar lib*.so* in/gone in/key in/lay "$change/"
$with/tar -c -f "$change/written.tar" -C / --format=pax --numeric-owner --xattrs --xattrs-include='*' \
  --no-recursion --null --verbatim-files-from -T in/written
cd out
$with/find . -print0 | $with/cpio --quiet -o -0 -H newc > ../change.img
`;

/**
 * Goes on in the initial RAM disk's program, where the disk is at /root and nothing of it runs yet. The name of the
 * change is written when all of it is on the disk, so what a power cut breaks off is done again.
 */
const layScript = String.raw`
lay() {
  (cd /root && $bb xargs -0 -r $bb rm -rf -- < /change/gone) &&
    /change/ld.so --library-path /change /change/tar -x -f /change/written.tar -C /root \
      --numeric-owner --same-owner --same-permissions --xattrs --xattrs-include='*' &&
    $bb sync && $bb cp /change/key /root/etc/switchyard/change
}
if ! $bb cmp -s /change/key /root/etc/switchyard/change; then
  lay || {
    echo 'switchyard: what changed in the image cannot be laid onto the disk; powering off'
    $bb poweroff -f
  }
fi
`;

/** Of every text that a machine made of a change gets. */
export const layerTexts = [layerScript, layScript];

/** An image whose files can be looked at. */
export interface OpenImage {
  /** All its files, for `parseTree`. */
  readonly list: Buffer;
  /**
   * What changed, as an archive for the kernel (cpio, newc) that lays it onto a disk.
   * @param key names the change; a disk that has it is left alone
   * @see https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
   */
  readonly pack: (change: ImageChange, key: string) => Promise<Buffer>;
}

/**
 * Lends the files of an image to `use`, with the container that has them.
 * @param of `builder`: the image that has the programs for it, under /switchyard/tools; `first`: shell code that runs
 * before the files are looked at, and what a person is told where it fails
 * @throws SwitchyardError `image.buildFailed`, `disk.full`, `timeout`
 */
export async function withOpenImage<T>(
  docker: Docker,
  of: {
    readonly image: string;
    readonly builder: string;
    readonly first?: { readonly script: string; readonly what: string };
  },
  options: { readonly onLine: (line: string) => void; readonly signal: AbortSignal },
  use: (image: OpenImage, container: Docker.Container) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  const step = { image: of.image, script: layerScript, input: false, scratch: [] };
  const what = l10n.t('The files of the image could not be compared.');
  return withBuildContainer(docker, step, signal, async (container) => {
    const run = (told: string, timeoutMs: number): Promise<void> =>
      runStep(container, { ...options, what: told, timeoutMs });
    const bring = async (files: Readonly<Record<string, string | Buffer>>): Promise<void> => {
      const input = Object.entries(files).map(([name, content]) => ({
        path: `${toolsFolder}/in/${name}`,
        mode: 0o644,
        content,
      }));
      await container.putArchive(await packFiles(input), { path: '/', abortSignal: signal });
    };
    const read = async (name: string): Promise<Buffer> => {
      const archive = await container.getArchive({ path: `/${toolsFolder}/${name}`, abortSignal: signal });
      return (await firstFile(asReadable(archive))) ?? Buffer.alloc(0);
    };
    await bringTools(docker, of.builder, container, signal);
    if (of.first) {
      await bring({ first: of.first.script });
      await run(of.first.what, firstMs);
    }
    await run(what, stepMs);
    const pack: OpenImage['pack'] = async ({ written, gone }, key) => {
      await bring({ written: names(written), gone: names(gone), key, lay: layScript });
      await run(what, stepMs);
      return read('change.img');
    };
    return use({ list: await read('list'), pack }, container);
  });
}

/** The container that they come from never runs. */
async function bringTools(
  docker: Docker,
  builder: string,
  container: Docker.Container,
  signal: AbortSignal,
): Promise<void> {
  const step = { image: builder, script: '', input: false, scratch: [] };
  await withBuildContainer(docker, step, signal, async (source) => {
    const path = `/switchyard/tools/${toolsFolder}`;
    const tools = await buffer(asReadable(await source.getArchive({ path, abortSignal: signal })));
    await container.putArchive(tools, { path: '/', abortSignal: signal });
  });
}

/** As programs of GNU read them. */
function names(paths: readonly string[]): Buffer {
  return Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1');
}
