import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ContainerInspectInfo } from 'dockerode';

const exec = promisify(execFile);

/** What an environment is compared by. */
export interface Snapshot {
  readonly outcome: 'ready' | 'hook failed' | 'failed' | 'not compared';
  /** As what a terminal runs. */
  readonly terminal?: Terminal | undefined;
  /** Files below /tmp/out in the container, with their text. */
  readonly out?: Readonly<Record<string, string>>;
  /** Files of the project folder on this computer, with their text. */
  readonly workspace?: Readonly<Record<string, string>>;
  /** What the engine says. */
  readonly container?: unknown;
  /** The services of its compose file that run. */
  readonly services?: readonly string[];
}

export interface Terminal {
  readonly user: string;
  readonly uid: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A line of shell whose output `readTerminal` understands, whatever else is printed around it. */
export const probe =
  '{ id -un; id -u; pwd; cat /proc/self/environ; } | base64 -w0 | sed "s/^/<<</; s/$/>>>/"';

/** Of these the shell that looks makes its own, or they name the container. */
const ownVariables = new Set([
  '_',
  'SHLVL',
  'PWD',
  'OLDPWD',
  'HOSTNAME',
  'TERM',
  'LS_COLORS',
  'SWITCHYARD_EXEC',
]);

export function readTerminal(printed: string): Terminal {
  const [, base64 = ''] = /<<<(.*)>>>/.exec(printed) ?? [];
  const [user = '', uid = '', cwd = '', ...rest] = Buffer.from(base64, 'base64').toString().split('\n');
  const env = rest
    .join('\n')
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry): [string, string] => [
      entry.slice(0, entry.indexOf('=')),
      entry.slice(entry.indexOf('=') + 1),
    ])
    .filter(([name]) => !ownVariables.has(name))
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return { user, uid, cwd, env: Object.fromEntries(env) };
}

/** The files that hooks of a fixture leave in /tmp/out. */
export async function filesInside(id: string): Promise<Readonly<Record<string, string>>> {
  const script =
    'cd /tmp/out 2>/dev/null || exit 0; find . -type f | sort | while read -r f; do echo "$f $(base64 -w0 "$f")"; done';
  const { stdout } = await exec('docker', ['exec', '-u', '0', id, 'sh', '-c', script]);
  return Object.fromEntries(
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line): [string, string] => {
        const [name = '', base64 = ''] = line.split(' ');
        return [name.replace('./', ''), Buffer.from(base64, 'base64').toString()];
      }),
  );
}

/** The files of a folder, without its configuration. */
export async function filesOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/.devcontainer'))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  return Object.fromEntries(
    await Promise.all(
      files.map(async (file): Promise<[string, string]> => [
        path.relative(folder, file),
        await readFile(file, 'utf8'),
      ]),
    ),
  );
}

/** What of the engine's answer the config decides. */
export function containerOf({ Config, HostConfig, Mounts }: ContainerInspectInfo): unknown {
  return {
    User: Config.User,
    Env: Config.Env.toSorted(),
    Cmd: Config.Cmd,
    Entrypoint: Config.Entrypoint,
    WorkingDir: Config.WorkingDir,
    Labels: Object.fromEntries(
      Object.entries(Config.Labels)
        .filter(([name]) => !name.startsWith('com.docker.compose'))
        .sort(([one], [other]) => (one < other ? -1 : 1)),
    ),
    Hostname: Config.Hostname,
    Image: Config.Image,
    Memory: HostConfig.Memory,
    NanoCpus: HostConfig.NanoCpus,
    ShmSize: HostConfig.ShmSize,
    Privileged: HostConfig.Privileged,
    CapAdd: (HostConfig.CapAdd as readonly string[] | null | undefined)?.toSorted(),
    SecurityOpt: HostConfig.SecurityOpt as unknown,
    Init: HostConfig.Init,
    PortBindings: HostConfig.PortBindings as unknown,
    NetworkMode: HostConfig.NetworkMode,
    Mounts: Mounts.map(({ Type, Name, Source, Destination, RW }) => ({
      Type,
      Name,
      Source,
      Destination,
      RW,
    })).sort((one, other) => (one.Destination < other.Destination ? -1 : 1)),
  };
}

/** The same for both: what names this very container is replaced. */
export function withoutId(snapshot: Snapshot, id: string): Snapshot {
  return JSON.parse(
    JSON.stringify(snapshot).replaceAll(id, 'ID').replaceAll(id.slice(0, 12), 'ID'),
  ) as Snapshot;
}
