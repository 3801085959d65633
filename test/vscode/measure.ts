import { appendFile } from 'node:fs/promises';
import { measureActivations } from './activationTimes.ts';
import { variables } from './variables.ts';

/** Measures this window's activations, and adds them as a line of JSON to the file of all windows. */
export async function run(): Promise<void> {
  const file = process.env[variables.activations];
  if (file === undefined) throw new Error(`${variables.activations} names no file.`);
  await appendFile(file, `${JSON.stringify(await measureActivations())}\n`);
}
