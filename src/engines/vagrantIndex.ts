import { readFile, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** A machine that Vagrant knows on this computer. */
export interface IndexedMachine {
  /** Vagrant's own id of it. */
  readonly id: string;
  /** As its Vagrantfile names it. */
  readonly name: string;
  readonly provider: string;
  /** What Vagrant last saw; may be long out of date. */
  readonly state: string;
  /** Folder that holds the Vagrantfile. */
  readonly vagrantfilePath: string;
  /** `.vagrant` folder. */
  readonly localDataPath: string | undefined;
}

/** Vagrant's own folder of this user. */
export function vagrantHome(env: NodeJS.ProcessEnv = process.env): string {
  return env['VAGRANT_HOME'] ?? path.join(os.homedir(), '.vagrant.d');
}

/** Every machine that Vagrant knows; none where it never made one. */
export async function readMachineIndex(home: string): Promise<IndexedMachine[]> {
  try {
    return parseMachineIndex(await readFile(path.join(home, 'data', 'machine-index', 'index'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Reads the index file (JSON, `version` 1). Entries that lack what is needed are left out. */
export function parseMachineIndex(text: string): IndexedMachine[] {
  const parsed: unknown = text.trim() === '' ? {} : JSON.parse(text);
  const machines = field(parsed, 'machines');
  if (typeof machines !== 'object' || machines === null) return [];
  return Object.entries(machines).flatMap(([id, entry]) => {
    const name = field(entry, 'name');
    const provider = field(entry, 'provider');
    const vagrantfilePath = field(entry, 'vagrantfile_path');
    if (typeof name !== 'string' || typeof provider !== 'string' || typeof vagrantfilePath !== 'string') {
      return [];
    }
    const state = field(entry, 'state');
    const localDataPath = field(entry, 'local_data_path');
    return [
      {
        id,
        name,
        provider,
        vagrantfilePath,
        state: typeof state === 'string' ? state : 'unknown',
        localDataPath: typeof localDataPath === 'string' ? localDataPath : undefined,
      },
    ];
  });
}

/** True where the folder of its Vagrantfile is no longer there: Vagrant keeps such entries until it prunes them. */
export async function isProjectGone({ vagrantfilePath }: IndexedMachine): Promise<boolean> {
  try {
    return !(await stat(vagrantfilePath)).isDirectory();
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
