import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from './run.ts';

/** The folder of the tests' Vagrant boxes, which stay from suite to suite. */
const boxes = 'vagrant';

/** What stood on this machine before the tests. */
interface Standing {
  readonly containers: ReadonlySet<string>;
  readonly networks: ReadonlySet<string>;
  readonly volumes: ReadonlySet<string>;
  readonly domains: ReadonlySet<string>;
  readonly images: ReadonlySet<string>;
}

/**
 * Watches what the tests leave behind. They get a temporary folder of their own, whose path is in the
 * environment of every process they start and in the labels of every container, so what is theirs can be
 * told from what somebody else does on this machine at the same time.
 */
export class Leftovers {
  readonly #folder: string;
  readonly #before: Standing;
  readonly #alone: boolean;

  private constructor(folder: string, before: Standing, alone: boolean) {
    this.#folder = folder;
    this.#before = before;
    this.#alone = alone;
  }

  /** @param alone true where nobody else uses the engines meanwhile, so whatever is new is the tests' */
  static async begin(alone: boolean): Promise<Leftovers> {
    // Short: the paths of sockets end at 108 bytes.
    const folder = await mkdtemp(join(tmpdir(), 'sy-'));
    // QEMU runs as a user of its own.
    await chmod(folder, 0o755);
    await mkdir(join(folder, boxes));
    return new Leftovers(folder, await standing(), alone);
  }

  /** What the tests' processes get. Boxes go into a folder of their own, so that the person's stay theirs. */
  get environment(): Readonly<Record<string, string>> {
    return { TMPDIR: this.#folder, VAGRANT_HOME: join(this.#folder, boxes) };
  }

  /** Says what is left, takes the temporary folder away, and answers one line for each thing left. */
  async end(): Promise<readonly string[]> {
    const left = [
      ...(await this.#processes()),
      ...(await this.#engineThings()),
      ...(await readdir(this.#folder)).filter((name) => !isOfATool(name)).map((name) => `file ${name}`),
    ];
    await this.#removeBoxes();
    await rm(this.#folder, { recursive: true, force: true });
    return left;
  }

  async #processes(): Promise<readonly string[]> {
    const left: string[] = [];
    const mark = `TMPDIR=${this.#folder}`;
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const read = (file: string): Promise<string> =>
        // A process may end, or belong to somebody else.
        readFile(join('/proc', pid, file), 'utf8').catch(() => '');
      if (!(await read('environ')).split('\0').includes(mark)) continue;
      left.push(`process ${pid}: ${(await read('cmdline')).replaceAll('\0', ' ').trim().slice(0, 160)}`);
    }
    return left;
  }

  async #engineThings(): Promise<readonly string[]> {
    const now = await standing();
    const added = (kind: keyof Standing): readonly string[] =>
      [...now[kind]].filter((id) => !this.#before[kind].has(id));
    const left: string[] = [];
    for (const id of added('containers')) {
      const what = await docker(
        'inspect',
        '--format',
        '{{.Name}} {{json .Config.Labels}} {{json .HostConfig.Binds}} {{json .Mounts}}',
        id,
      );
      const theirs = what[0]?.includes(this.#folder) === true || what[0]?.includes('switchyard') === true;
      if (this.#alone || theirs) left.push(`container ${id}`);
    }
    left.push(
      ...added('images')
        .filter(isOfAProject)
        .map((name) => `image ${name}`),
    );
    for (const kind of ['networks', 'volumes', 'domains'] as const) {
      for (const name of added(kind)) {
        const theirs = name.startsWith('switchyard') || name.includes(basename(this.#folder));
        if (this.#alone || theirs) left.push(`${kind.slice(0, -1)} ${name}`);
      }
    }
    return left;
  }

  /**
   * Takes the disks of the tests' boxes out of libvirt's pool, and the kernels that they start with: both stand
   * there under the box's name, and where a machine was not destroyed nothing ever takes them away.
   */
  async #removeBoxes(): Promise<void> {
    const names = await readdir(join(this.#folder, boxes, 'boxes')).catch(() => []);
    if (names.length === 0) return;
    for (const volume of lines(await virsh('vol-list', 'default'))) {
      const name = volume.trim().split(/\s+/)[0] ?? '';
      if (
        names.some((box) => [`${box}_vagrant_box_image_`, `${box}_boot_`].some((of) => name.startsWith(of)))
      ) {
        await virsh('vol-delete', '--pool', 'default', name);
      }
    }
  }
}

/** How the specification's reference implementation and the VM kind name a project's image; caches stay. */
function isOfAProject(image: string): boolean {
  return image.startsWith('vsc-') || image.startsWith('switchyard-vm-');
}

/** What programs leave in any temporary folder, and what no test can take away. */
function isOfATool(name: string): boolean {
  return (
    name === boxes ||
    name === 'node-compile-cache' ||
    name.startsWith('.org.chromium.') ||
    name.startsWith('devcontainercli')
  );
}

async function standing(): Promise<Standing> {
  return {
    containers: new Set(await docker('ps', '--all', '--quiet', '--no-trunc')),
    networks: new Set(await docker('network', 'ls', '--format', '{{.Name}}')),
    volumes: new Set(await docker('volume', 'ls', '--format', '{{.Name}}')),
    domains: new Set(lines(await virsh('list', '--all', '--name'))),
    images: new Set(await docker('images', '--format', '{{.Repository}}:{{.Tag}}')),
  };
}

async function docker(...args: readonly string[]): Promise<readonly string[]> {
  return lines(await run('docker', args, { timeoutMs: 60_000 }));
}

function virsh(...args: readonly string[]): Promise<string> {
  return run('virsh', ['--connect', 'qemu:///system', ...args], { timeoutMs: 60_000 });
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
