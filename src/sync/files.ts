import { readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Undefined in the bundle (see esbuild.mjs), where all that belongs to the sync lies in one folder. */
const source = import.meta.url as string | undefined;

/** That folder is the own one of the process, and lies beside the extension's file. */
function bundled(name: string): string {
  const isInside = path.basename(__dirname) === 'sync';
  return path.join(__dirname, ...(isInside ? [] : ['sync']), name);
}

/** The code of the sync's own process. */
export function processFile(): string {
  return source === undefined
    ? bundled('syncProcess.cjs')
    : fileURLToPath(new URL('./apart/syncProcess.ts', source));
}

/** The code of the worker thread. */
export function workerFile(): string {
  return source === undefined
    ? bundled('hostWorker.cjs')
    : fileURLToPath(new URL('./host/hostWorker.ts', source));
}

/** The text of an agent, to be fed to its interpreter in the guest. */
export async function agentScript(name: string): Promise<Buffer> {
  return readFile(source === undefined ? bundled(name) : fileURLToPath(new URL(`./guest/${name}`, source)));
}
