import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type Docker from 'dockerode';
import { guestKinds, type GuestKind } from '../base/kinds.ts';
import type { Logger } from '../base/log.ts';
import type { Project } from '../config/project.ts';
import type { BuiltImage } from '../engines/devcontainerLog.ts';
import type { DockerEngine } from '../engines/docker.ts';
import { statusOf } from '../engines/dockerErrors.ts';

/** How long it may take to remove what is no longer needed, in milliseconds; gigabytes take seconds. */
const removalMs = 120_000;

/** What was built for an environment, as abbreviated ids, each image after those that it is made of. */
interface Built {
  /** All that the last build that went well took part in: the next one finds its cache there. */
  readonly current: readonly string[];
  /** What only builds before it, or such as failed, took part in; of `current` none is made of these. */
  readonly former: readonly string[];
}

const nothing: Built = { current: [], former: [] };

/** By the address of the engine that has them. */
type Content = Readonly<Record<string, Built>>;

/**
 * Remembers on the disk which images were built for a project's environment, so that they can go when nothing
 * needs them any more: an image that lost its name to a newer one, the stages and steps of Docker's classic
 * builder, which is all its cache, and what a build that failed came to. Those that a Dockerfile begins with are
 * never among them.
 */
export class ImageLedger {
  readonly #file: string;
  /** Has a folder for each project. */
  readonly #storage: string;
  readonly #engine: DockerEngine;
  readonly #log: Logger;

  constructor(
    project: Pick<Project, 'storage'>,
    kind: GuestKind,
    parts: { readonly engine: DockerEngine; readonly log: Logger },
  ) {
    this.#file = path.join(project.storage, fileName(kind));
    this.#storage = path.dirname(project.storage);
    this.#engine = parts.engine;
    this.#log = parts.log;
  }

  /**
   * Builds all that the environment is made of, and notes what that comes to, also where it fails.
   * @param work told whom to tell each image
   */
  async build<T>(
    work: (onImage: (image: BuiltImage) => void) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { host } = await this.#engine.endpoint();
    const [before, standing] = await Promise.all([this.#read(host), this.#standing(signal)]);
    const ours = new Set([...before.current, ...before.former]);
    const made = new Set<string>();
    const onImage = ({ id: whole, by }: BuiltImage): void => {
      const id = abbreviated(whole);
      // A Dockerfile without a step may come to the very image that it begins with.
      if (by === 'export' && standing.has(id) && !ours.has(id)) return;
      made.add(id);
    };
    try {
      const result = await work(onImage);
      const current = [...made];
      const former = without([...before.current, ...before.former], made);
      await this.#write(host, { current, former });
      return result;
    } catch (error) {
      const former = without([...before.former, ...made], new Set(before.current));
      await this.#write(host, { ...before, former });
      throw error;
    }
  }

  /** Whether anything was built for it that may be there still. */
  async isEmpty(): Promise<boolean> {
    const { current, former } = await this.#read((await this.#engine.endpoint()).host);
    return current.length + former.length === 0;
  }

  /** Removes what earlier builds left and nothing needs. What cannot go now is tried again the next time. */
  async removeFormer(signal: AbortSignal): Promise<void> {
    await this.#settle((built) => built, signal);
  }

  /** The environment is gone: removes what nothing else needs. */
  async removeAll(signal: AbortSignal): Promise<void> {
    await this.#settle(({ current, former }) => ({ current: [], former: [...current, ...former] }), signal);
  }

  async #settle(change: (built: Built) => Built, signal: AbortSignal): Promise<void> {
    try {
      const { host } = await this.#engine.endpoint();
      const { current, former } = change(await this.#read(host));
      const { needed, abandoned } = await this.#others(host);
      if (former.length + abandoned.length === 0) return;
      const staying = await this.#engine.ask(
        l10n.t('Images that were built earlier could not be removed.'),
        async (docker, bound) => {
          await removeUnneeded(docker, abandoned, needed, bound);
          return removeUnneeded(docker, former, needed, bound);
        },
        { signal, timeoutMs: removalMs },
      );
      await this.#write(host, { current, former: staying });
    } catch (error) {
      // What was asked for is done; this is only room on the disk.
      this.#log.warn(`Images that nobody needs stay: ${String(error)}`);
    }
  }

  /** All that the engine has. */
  #standing(signal: AbortSignal): Promise<ReadonlySet<string>> {
    return this.#engine.ask(
      l10n.t('The images could not be listed.'),
      async (docker, bound) => {
        const images = await docker.listImages({ abortSignal: bound });
        return new Set(images.map(({ Id }) => abbreviated(Id)));
      },
      { signal },
    );
  }

  /**
   * Of the other environments, also of other projects: what those need that are there, and what could not go with
   * those that are gone, such as the image to which the CLI gives one name for all projects.
   */
  async #others(host: string): Promise<{ needed: ReadonlySet<string>; abandoned: readonly string[] }> {
    const projects = await readdir(this.#storage);
    const files = projects.flatMap((name) =>
      guestKinds.map((kind) => path.join(this.#storage, name, fileName(kind))),
    );
    const others = await Promise.all(
      files.filter((file) => file !== this.#file).map(async (file) => (await read(file))[host] ?? nothing),
    );
    return {
      needed: new Set(others.flatMap(({ current }) => current)),
      abandoned: others.flatMap(({ current, former }) => (current.length === 0 ? former : [])),
    };
  }

  async #read(host: string): Promise<Built> {
    try {
      return (await read(this.#file))[host] ?? nothing;
    } catch (error) {
      this.#log.warn(`${this.#file} is broken and is made anew: ${String(error)}`);
      return nothing;
    }
  }

  async #write(host: string, built: Built): Promise<void> {
    try {
      const content: Content = { ...(await read(this.#file).catch(() => ({}))), [host]: built };
      await mkdir(path.dirname(this.#file), { recursive: true });
      const next = `${this.#file}.${randomUUID()}`;
      await writeFile(next, JSON.stringify(content), { mode: 0o600 });
      await rename(next, this.#file);
    } catch (error) {
      // No reason to fail what was built.
      this.#log.warn(`What was built is not on record: ${String(error)}`);
    }
  }
}

/**
 * Removes images, the last first, but those that have a name, a container or an image made of them.
 * @returns those that stay, in their order
 */
async function removeUnneeded(
  docker: Docker,
  ids: readonly string[],
  needed: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const staying: string[] = [];
  for (const id of ids.toReversed()) {
    signal.throwIfAborted();
    if (needed.has(id) || !(await removeWhereUnneeded(docker, id, signal))) staying.unshift(id);
  }
  return staying;
}

/** @returns false where it stays */
async function removeWhereUnneeded(docker: Docker, id: string, signal: AbortSignal): Promise<boolean> {
  const image = docker.getImage(id);
  try {
    const found = await image.inspect();
    // An image may have this for its name.
    if (abbreviated(found.Id) !== id) return true;
    // The engine answers null for none; and with its only name, an image goes that is removed by its id.
    const names = [found.RepoTags, found.RepoDigests].flatMap((some: readonly string[] | null) => some ?? []);
    if (names.length > 0) return false;
    // Not with what it is made of: the next build finds its cache there.
    await image.remove({ noprune: true, abortSignal: signal });
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return true;
    // Another image is made of it, or a container.
    if (statusOf(error) === 409) return false;
    throw error;
  }
}

async function read(file: string): Promise<Content> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Content;
  } catch (error) {
    // ENOTDIR: what stands beside the projects' folders.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return {};
    throw error;
  }
}

/** As the classic builder prints ids, and every call of the engine takes them. */
function abbreviated(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

function without(ids: readonly string[], others: ReadonlySet<string>): readonly string[] {
  return [...new Set(ids)].filter((id) => !others.has(id));
}

function fileName(kind: GuestKind): string {
  return `${kind}-images.json`;
}
