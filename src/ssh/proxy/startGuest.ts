import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DockerDemux } from '../../connections/dockerDemux.ts';
import type { DoorFile } from '../doorFile.ts';
import { AgentGuest } from '../guest/agentGuest.ts';
import { DockerRefusal, type DockerApi } from './dockerApi.ts';

/** Undefined in the bundle (see esbuild.mjs), where the agent lies beside it. */
const source = import.meta.url as string | undefined;

/**
 * Reads the agent from standard input, exactly its bytes, and runs it. Where whoever starts it goes away in
 * the very moment of the start, Docker may never tell it of the end, so it waits for 20 s at most.
 */
const boot = `alarm 20;my $n=shift;my $c='';while(length $c<$n){sysread(STDIN,$c,$n-length $c,length $c) or exit 0}alarm 0;eval $c;die $@ if $@`;

/** The agent's text. The subsystem comes first: the agent never ends by itself. */
export async function agentText(): Promise<Buffer> {
  const files = ['sftp.pl', 'agent.pl'].map((name) =>
    source === undefined ? path.join(__dirname, name) : fileURLToPath(new URL(`../guest/${name}`, source)),
  );
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
}

/**
 * Starts the agent in the container. Programs get what the container's own get, and the door's variables.
 * @throws DockerRefusal where the engine does not let it start
 */
export async function startGuest(
  docker: DockerApi,
  door: DoorFile,
  containerId: string,
  user: string,
): Promise<AgentGuest> {
  const text = await agentText();
  const { id, stream } = await docker.exec(containerId, {
    argv: ['perl', '-e', boot, String(text.length)],
    user,
    env: user === door.user ? door.env : {},
  });
  const guest = new AgentGuest(stream, () => stream.destroy());
  const complaint: Buffer[] = [];
  const demux = new DockerDemux(
    (payload) => guest.receive(payload),
    (payload) => complaint.push(payload),
  );
  stream.on('data', (chunk: Buffer) => {
    try {
      demux.write(chunk);
    } catch (error) {
      guest.end(`What came from the container makes no sense: ${String(error)}`);
      stream.destroy();
    }
  });
  stream.on('error', (error) => guest.end(`Docker: ${error.message}`));
  stream.once('close', () => {
    whyEnded(docker, { containerId, execId: id, complaint: Buffer.concat(complaint).toString() })
      .catch((error: unknown) => String(error))
      .then((why) => guest.end(why))
      .catch(() => undefined);
  });
  stream.once('end', () => stream.destroy());
  await write(stream, text);
  return guest;
}

async function write(stream: Duplex, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function whyEnded(
  docker: DockerApi,
  ended: { containerId: string; execId: string; complaint: string },
): Promise<string> {
  const state = await docker.stateOf(ended.containerId);
  if (state === undefined) return 'The container was removed.';
  if (state !== 'running') return `The container is no longer running (${state}).`;
  try {
    const code = await docker.exitCode(ended.execId);
    if (code === 126 || code === 127) {
      return 'The container has no perl, which the SSH door needs. Add it to the image.';
    }
  } catch (error) {
    if (!(error instanceof DockerRefusal)) throw error;
  }
  return `The door's program in the container ended. ${ended.complaint.trim()}`.trim();
}
