import { pollUntil } from '../../base/abort.ts';
import { BatchReader } from '../../connections/batchReader.ts';
import { DockerDemux } from '../../connections/dockerDemux.ts';
import type { DoorFile } from '../doorFile.ts';
import { agentArgv, agentText } from '../../connections/guest/agentText.ts';
import { AgentGuest } from '../../connections/guest/agentGuest.ts';
import { DockerRefusal, type DockerApi } from './dockerApi.ts';

/** How long a container may take to stop after its programs ended, in milliseconds. */
const settleMs = 1_000;

/** The container has nothing that the agent could run in. */
export class NoInterpreter extends Error {
  override readonly name = 'NoInterpreter';
}

/**
 * Starts the agent in the container. Programs get what the container's own get, and the door's variables.
 * @throws DockerRefusal where the engine does not let it start; NoInterpreter; Error where it ends at once
 */
export async function startGuest(
  docker: DockerApi,
  door: DoorFile,
  containerId: string,
  user: string,
): Promise<AgentGuest> {
  const text = await agentText();
  const { id, stream } = await docker.exec(containerId, {
    argv: agentArgv(text),
    user,
    env: user === door.user ? door.env : {},
  });
  const guest = new AgentGuest(stream, () => stream.destroy());
  const complaint: Buffer[] = [];
  const demux = new DockerDemux(
    (payload) => guest.receive(payload),
    (payload) => complaint.push(payload),
  );
  new BatchReader(stream, (chunk) => {
    try {
      demux.write(chunk);
    } catch {
      // Not the agent's words, but the engine's about why there is none; it is asked below.
      complaint.push(chunk);
      stream.destroy();
    }
  });
  stream.on('error', (error) => guest.end(new Error(`Docker: ${error.message}`)));
  stream.once('close', () => {
    whyEnded(docker, { containerId, execId: id, complaint: Buffer.concat(complaint).toString() })
      .then((why) => guest.end(why))
      .catch((error: unknown) => guest.end(error as Error));
  });
  stream.once('end', () => stream.destroy());
  stream.write(text);
  await guest.hello;
  return guest;
}

async function whyEnded(
  docker: DockerApi,
  { containerId, execId, complaint }: { containerId: string; execId: string; complaint: string },
): Promise<Error> {
  // A container that stops ends its programs first.
  const state = await pollUntil(
    async () => {
      const now = await docker.stateOf(containerId);
      return now === 'running' ? undefined : (now ?? 'removed');
    },
    { everyMs: 50, timeoutMs: complaint === '' ? settleMs : 0, signal: new AbortController().signal },
  );
  if (state !== undefined) return new Error(`The container no longer runs (${state}).`);
  const words = complaint.trim();
  const code = await docker.exitCode(execId).catch((error: unknown) => {
    if (error instanceof DockerRefusal) return undefined;
    throw error;
  });
  // As Docker and shells say that a program is not there, or cannot be run.
  if ((code === 126 || code === 127) && /\bperl\b/.test(words)) {
    return new NoInterpreter('The container has no perl, which this needs. Add it to the image.');
  }
  return new Error(`The door's program in the container ended. ${words}`.trim());
}
