import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Undefined in the bundles (see esbuild.mjs), of which one lies in a folder of its own beside the agent's. */
const source = import.meta.url as string | undefined;

/**
 * Reads the agent from standard input, exactly its bytes, and runs it. Where whoever starts it goes away in
 * the very moment of the start, Docker may never tell it of the end, so it waits for 20 s at most.
 */
const boot = `alarm 20;my $n=shift;my $c='';while(length $c<$n){sysread(STDIN,$c,$n-length $c,length $c) or exit 0}alarm 0;eval $c;die $@ if $@`;

/** The agent's text. The subsystem comes first: the agent never ends by itself. */
export async function agentText(): Promise<Buffer> {
  const files = ['sftp.pl', 'agent.pl'].map((name) =>
    source === undefined ? path.join(bundledAgents(), name) : fileURLToPath(new URL(name, source)),
  );
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
}

/** The program that takes this text from its standard input and becomes the agent. */
export function agentArgv(text: Buffer): readonly string[] {
  return ['perl', '-e', boot, String(text.length)];
}

function bundledAgents(): string {
  return path.basename(__dirname) === 'ssh'
    ? path.join(__dirname, '..', 'guest')
    : path.join(__dirname, 'guest');
}
