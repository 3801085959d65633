import { readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Undefined in the bundle (see esbuild.mjs), where what belongs to the sync lies beside it. */
const source = import.meta.url as string | undefined;

/** The code of the worker thread. */
export function workerFile(): string {
  return source === undefined
    ? path.join(__dirname, 'sync', 'hostWorker.cjs')
    : fileURLToPath(new URL('./host/hostWorker.ts', source));
}

/** The text of an agent, to be fed to its interpreter in the guest. */
export async function agentScript(name: string): Promise<Buffer> {
  return readFile(
    source === undefined
      ? path.join(__dirname, 'sync', name)
      : fileURLToPath(new URL(`./guest/${name}`, source)),
  );
}
